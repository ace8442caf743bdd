use data::pixels;
use random::Seed;

use crate::images::Images;

/// Damage of a known size, which gives a distance its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Degradation {
    /// Blurred by a Gaussian whose standard deviation is the image's width over this.
    Blur(f64),
    /// Gaussian noise of this standard deviation, on the scale of `[-1, 1]`.
    Noise(f64),
    /// All images of a class are missing.
    Without(usize),
}

impl Degradation {
    /// From less to more, one kind after the other.
    pub const LADDER: [Self; 5] =
        [Self::Blur(24.0), Self::Blur(12.0), Self::Noise(0.1), Self::Noise(0.3), Self::Without(0)];

    /// What it is called in tables.
    pub fn name(self) -> String {
        match self {
            Self::Blur(part) => format!("blur 1/{part}"),
            Self::Noise(deviation) => format!("noise {deviation}"),
            Self::Without(class) => format!("no class {class}"),
        }
    }

    /// Damages images; the noise of an image depends on its place alone.
    pub fn of(self, images: &Images) -> Images {
        match self {
            Self::Blur(part) => {
                let [_, height, width] = images.shape;
                let kernel = gaussian(width as f64 / part);
                let blurred = images
                    .values()
                    .chunks(height * width)
                    .flat_map(|plane| {
                        let across = filtered(plane, [height, width], [0, 1], &kernel);
                        filtered(&across, [height, width], [1, 0], &kernel)
                    })
                    .map(pixels::from_unit)
                    .collect();
                Images::new(blurred, images.shape, images.labels.clone())
            }
            Self::Noise(deviation) => {
                let mut bytes = Vec::with_capacity(images.bytes.len());
                for (place, image) in images.values().chunks(images.size()).enumerate() {
                    let noise = Seed(0).stream("eval/degrade", place as u64).normal(image.len());
                    let noisy =
                        image.iter().zip(noise).map(|(value, noise)| value + deviation as f32 * noise);
                    bytes.extend(noisy.map(pixels::from_unit));
                }
                Images::new(bytes, images.shape, images.labels.clone())
            }
            Self::Without(class) => {
                let labels = images.labels.as_deref().unwrap_or_default();
                let kept: Vec<usize> =
                    (0..images.len()).filter(|&index| labels.get(index) != Some(&class)).collect();
                images.select(&kept)
            }
        }
    }
}

/// One side of a symmetric kernel that adds up to 1, the middle first.
fn gaussian(deviation: f64) -> Vec<f32> {
    let reach = (3.0 * deviation).ceil() as usize;
    let half: Vec<f64> = (0..=reach).map(|i| (-0.5 * (i as f64 / deviation).powi(2)).exp()).collect();
    let sum = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    half.iter().map(|weight| (weight / sum) as f32).collect()
}

/// A plane filtered in one direction; its edge pixels go on beyond it.
fn filtered(
    plane: &[f32],
    [height, width]: [usize; 2],
    [down, across]: [isize; 2],
    kernel: &[f32],
) -> Vec<f32> {
    let clamp = |place: isize, len: usize| place.clamp(0, len as isize - 1) as usize;
    let at = |y: isize, x: isize| plane[clamp(y, height) * width + clamp(x, width)];
    let pixel = |i: usize| {
        let (y, x) = ((i / width) as isize, (i % width) as isize);
        let tap = |(k, weight): (usize, &f32)| {
            let k = k as isize;
            let sides = at(y + k * down, x + k * across) + at(y - k * down, x - k * across);
            weight * if k == 0 { sides / 2.0 } else { sides }
        };
        kernel.iter().enumerate().map(tap).sum()
    };
    (0..height * width).map(pixel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(bytes: Vec<u8>, labels: Vec<usize>) -> Images {
        Images::new(bytes, [1, 8, 8], Some(labels))
    }

    /// The variance of a blurred point is the kernel's, in both directions.
    #[test]
    fn a_point_is_spread_by_the_deviation() {
        let mut bytes = vec![0; 64];
        bytes[4 * 8 + 4] = 255;
        let blurred = Degradation::Blur(8.0).of(&images(bytes, vec![0])).values();
        let mass: f32 = blurred.iter().map(|value| value + 1.0).sum();
        assert!((mass - 2.0).abs() < 0.1, "{mass}");
        for direction in [|i: usize| i / 8, |i: usize| i % 8] {
            let spread: f32 = blurred
                .iter()
                .enumerate()
                .map(|(i, value)| (value + 1.0) * (direction(i) as f32 - 4.0).powi(2))
                .sum();
            assert!((spread / mass - 1.0).abs() < 0.1, "{spread}");
        }
    }

    #[test]
    fn noise_has_its_deviation_and_a_class_goes() {
        let grey = images(vec![128; 64 * 50], (0..50).collect());
        let noisy = Degradation::Noise(0.1).of(&grey).values();
        let variance = noisy.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / noisy.len() as f64;
        assert!((variance.sqrt() - 0.1).abs() < 0.005, "{variance}");
        let without = Degradation::Without(7).of(&grey);
        assert_eq!(without.len(), 49);
        assert!(!without.labels.unwrap().contains(&7));
    }
}

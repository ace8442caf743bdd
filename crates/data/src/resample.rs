//! Smaller, larger and blurred images as values: what a super-resolution stage is given.
//!
//! Values are planes `[N, H, W]`, one after the other, where N counts images times channels.

use serde::{Deserialize, Serialize};

/// How images are enlarged. Samples lie in the middle of pixels, and the border is continued (torch's
/// `align_corners=False`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Upsampling {
    /// By lines between neighbours.
    #[default]
    Bilinear,
    /// By cubics through neighbours, with the slopes of Catmull and Rom (Keys 1981, a = -1/2).
    Bicubic,
}

impl Upsampling {
    /// Planes `[N, H, W]` enlarged to `[N, factor H, factor W]`.
    pub fn enlarge(self, values: &[f32], [height, width]: [usize; 2], factor: usize) -> Vec<f32> {
        let (rows, columns) = (self.taps(height, factor), self.taps(width, factor));
        let mut enlarged = Vec::with_capacity(values.len() * factor * factor);
        for plane in values.chunks_exact(height * width) {
            for row in &rows {
                let line: Vec<f32> = (0..width)
                    .map(|x| row.iter().map(|&(y, weight)| weight * plane[y * width + x]).sum())
                    .collect();
                let mixed = |column: &Taps| column.iter().map(|&(x, weight)| weight * line[x]).sum::<f32>();
                enlarged.extend(columns.iter().map(mixed));
            }
        }
        enlarged
    }

    /// The pixels that each enlarged pixel is made of, and their weights.
    fn taps(self, length: usize, factor: usize) -> Vec<Taps> {
        let reach = if self == Self::Bilinear { 1 } else { 2 };
        let taps = |target: usize| {
            let place = (target as f64 + 0.5) / factor as f64 - 0.5;
            let first = place.floor() as i64 + 1 - reach;
            let tap = |pixel: i64| {
                let inside = pixel.clamp(0, length as i64 - 1) as usize;
                (inside, self.weight((place - pixel as f64).abs()) as f32)
            };
            (first..first + 2 * reach).map(tap).collect()
        };
        (0..length * factor).map(taps).collect()
    }

    fn weight(self, distance: f64) -> f64 {
        let d = distance;
        match self {
            Self::Bilinear => (1.0 - d).max(0.0),
            Self::Bicubic if d <= 1.0 => (1.5 * d - 2.5) * d * d + 1.0,
            Self::Bicubic => ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0,
        }
    }
}

type Taps = Vec<(usize, f32)>;

/// Every pixel `factor` x `factor` times: planes `[N, factor H, factor W]`.
pub fn repeat(values: &[f32], [height, width]: [usize; 2], factor: usize) -> Vec<f32> {
    let side = factor * width;
    let planes = values.chunks_exact(height * width);
    let pixels = |plane: &'_ [f32]| -> Vec<f32> {
        let place = |i: usize| i / side / factor * width + i % side / factor;
        (0..factor * height * side).map(|i| plane[place(i)]).collect()
    };
    planes.flat_map(pixels).collect()
}

/// The means of blocks of `factor` x `factor` pixels: planes `[N, H / factor, W / factor]`.
pub fn average(values: &[f32], [height, width]: [usize; 2], factor: usize) -> Vec<f32> {
    let mut averages = Vec::with_capacity(values.len() / (factor * factor));
    for plane in values.chunks_exact(height * width) {
        for (top, left) in corners(height, width, factor) {
            let rows = (top..top + factor).map(|y| &plane[y * width + left..][..factor]);
            let sum: f64 = rows.flatten().map(|&value| f64::from(value)).sum();
            averages.push((sum / (factor * factor) as f64) as f32);
        }
    }
    averages
}

fn corners(height: usize, width: usize, factor: usize) -> impl Iterator<Item = (usize, usize)> {
    let starts = move |side: usize| (0..side).step_by(factor);
    starts(height).flat_map(move |top| starts(width).map(move |left| (top, left)))
}

/// An image's planes filtered by a 3x3 Gaussian of standard deviation `sigma` pixels; the border is mirrored.
pub fn blur(values: &[f32], [height, width]: [usize; 2], sigma: f64) -> Vec<f32> {
    let side = (-0.5 / sigma.powi(2)).exp();
    let (middle, side) = ((1.0 / (1.0 + 2.0 * side)) as f32, (side / (1.0 + 2.0 * side)) as f32);
    let mut blurred = Vec::with_capacity(values.len());
    for plane in values.chunks_exact(height * width) {
        let along = |y: usize, x: usize| {
            let [before, after] = mirrored(x, width);
            let row = &plane[y * width..][..width];
            middle * row[x] + side * (row[before] + row[after])
        };
        for y in 0..height {
            let [above, below] = mirrored(y, height);
            blurred.extend(
                (0..width).map(|x| middle * along(y, x) + side * (along(above, x) + along(below, x))),
            );
        }
    }
    blurred
}

/// The neighbours of a pixel; at an end, both are the one inside.
fn mirrored(place: usize, length: usize) -> [usize; 2] {
    let inside = 1.min(length - 1);
    let before = if place == 0 { inside } else { place - 1 };
    let after = if place + 1 == length { length - 1 - inside } else { place + 1 };
    [before, after]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: &[f32], expected: &[f32]) {
        assert_eq!(ours.len(), expected.len());
        for (ours, expected) in ours.iter().zip(expected) {
            assert!((ours - expected).abs() < 1e-5, "{ours} is not {expected}");
        }
    }

    /// Recorded from torch 2.9: `interpolate(tensor([[0, 1], [2, 4]]), scale_factor=2, mode="bilinear")`.
    #[test]
    fn bilinear_is_torchs() {
        let expected =
            [0.0, 0.25, 0.75, 1.0, 0.5, 0.8125, 1.4375, 1.75, 1.5, 1.9375, 2.8125, 3.25, 2.0, 2.5, 3.5, 4.0];
        close(&Upsampling::Bilinear.enlarge(&[0.0, 1.0, 2.0, 4.0], [2, 2], 2), &expected);
    }

    /// A cubic filter with these slopes keeps lines away from the border; weights add up to 1 everywhere.
    #[test]
    fn both_keep_constants_and_lines() {
        for upsampling in [Upsampling::Bilinear, Upsampling::Bicubic] {
            close(&upsampling.enlarge(&[0.7; 2 * 12], [3, 4], 3), &[0.7; 2 * 108]);
            let line: Vec<f32> = (0..8).map(|x| x as f32).collect();
            let enlarged = upsampling.enlarge(&line, [1, 8], 2);
            for x in 4..12 {
                close(&enlarged[x..=x], &[(x as f32 + 0.5) / 2.0 - 0.5]);
            }
        }
        // Half way between pixels the cubic has weights -1/16, 9/16, 9/16, -1/16.
        let step = Upsampling::Bicubic.weight(0.5) + Upsampling::Bicubic.weight(1.5);
        assert!((Upsampling::Bicubic.weight(0.5) - 9.0 / 16.0).abs() < 1e-12 && (step - 0.5).abs() < 1e-12);
    }

    #[test]
    fn averaging_undoes_repetition_and_keeps_planes_apart() {
        let values: Vec<f32> = (0..32).map(|i| i as f32).collect();
        close(&average(&values, [4, 4], 2), &[2.5, 4.5, 10.5, 12.5, 18.5, 20.5, 26.5, 28.5]);
        close(&repeat(&[1.0, 2.0], [1, 2], 2), &[1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
        close(&average(&repeat(&values, [4, 4], 3), [12, 12], 3), &values);
        close(&average(&values[..6], [2, 3], 1), &values[..6]);
    }

    #[test]
    fn blurring_a_point_gives_the_kernel() {
        let mut point = [0.0; 25];
        point[12] = 1.0;
        let blurred = blur(&point, [5, 5], 0.5);
        let side = (-2.0f32).exp();
        let (middle, side) = (1.0 / (1.0 + 2.0 * side), side / (1.0 + 2.0 * side));
        close(&blurred[6..9], &[side * side, side * middle, side * side]);
        close(&blurred[11..14], &[middle * side, middle * middle, middle * side]);
        assert_eq!(blurred[10], 0.0);
        // The mirrored border: the corner's neighbour counts twice.
        close(&blur(&[0.0, 1.0, 0.0], [1, 3], 0.5), &[2.0 * side, middle, 2.0 * side]);
        close(&blur(&[0.3], [1, 1], 0.5), &[0.3]);
    }
}

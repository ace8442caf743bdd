use data::{DataError, ImageSet};
use serde::{Deserialize, Serialize};

/// How data become the states of a chain, `(x - mean) / std`: one number each for all values, or one for each channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standardize {
    /// What is subtracted.
    pub mean: Vec<f64>,
    /// What the rest is divided by.
    pub std: Vec<f64>,
    /// Width of the uniform noise that is added to the data first, so that the bytes of pictures have a density (Theis et
    /// al. 2015): 0 for none.
    #[serde(default)]
    pub dequantize: f64,
}

/// Distance of two neighbouring bytes as values in [-1, 1].
const BYTE: f64 = 2.0 / 255.0;
/// Items that means are taken over.
const MOST: usize = 10_000;

impl Standardize {
    /// That of a set: pictures by one number, as in the paper, points by one for each coordinate.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    pub fn of(set: &ImageSet) -> Result<Self, DataError> {
        let dequantize = if set.holds_pictures() { BYTE } else { 0.0 };
        let numbers: Vec<usize> = (0..set.len().min(MOST)).collect();
        let values = set.fixed(&numbers)?.pixels;
        let [channels, height, width] = set.image_shape();
        let groups = if set.holds_pictures() { 1 } else { channels };
        let area = height * width * channels / groups;
        let of_group = |group: usize| {
            let mine = values.chunks(area).skip(group).step_by(groups).flatten();
            mine.map(|&value| f64::from(value))
        };
        let count = (values.len() / groups) as f64;
        let mean: Vec<f64> = (0..groups).map(|group| of_group(group).sum::<f64>() / count).collect();
        let spread = |group: usize| {
            let squares = of_group(group).map(|value| (value - mean[group]).powi(2)).sum::<f64>();
            let variance = squares / count + dequantize * dequantize / 12.0;
            if variance > 0.0 { variance.sqrt() } else { 1.0 }
        };
        Ok(Self { std: (0..groups).map(spread).collect(), mean, dequantize })
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// The first key that does not fit.
    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.mean.is_empty() || self.mean.len() != self.std.len() {
            return Err("[standardize]: mean and std must hold equally many numbers".into());
        }
        if !self.std.iter().all(|&std| std > 0.0 && std.is_finite()) {
            return Err("[standardize]: std must be above 0 and finite".into());
        }
        match self.mean.iter().all(|mean| mean.is_finite()) && self.dequantize.is_finite() {
            true => Ok(()),
            false => Err("[standardize]: mean and dequantize must be finite".into()),
        }
    }

    /// Data to states; `noise` draws uniform numbers in `[0, 1)`. Of `[.., C, H, W]`, `area` being `H * W`.
    pub fn apply(&self, values: &mut [f32], area: usize, mut noise: impl FnMut() -> f64) {
        for (i, value) in values.iter_mut().enumerate() {
            let group = i / area % self.mean.len();
            let spread = if self.dequantize > 0.0 { self.dequantize * (noise() - 0.5) } else { 0.0 };
            *value = ((f64::from(*value) + spread - self.mean[group]) / self.std[group]) as f32;
        }
    }

    /// States to data.
    pub fn undo(&self, values: &mut [f32], area: usize) {
        for (i, value) in values.iter_mut().enumerate() {
            let group = i / area % self.mean.len();
            *value = (f64::from(*value) * self.std[group] + self.mean[group]) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undoing_gives_back_the_data() {
        let scale = Standardize { mean: vec![1.0, -2.0], std: vec![0.5, 4.0], dequantize: 0.0 };
        let data = [1.5, 2.0, 0.0, -2.0];
        let mut values = data;
        scale.apply(&mut values, 1, || 0.0);
        assert_eq!(values, [1.0, 1.0, -2.0, 0.0]);
        scale.undo(&mut values, 1);
        assert_eq!(values, data);
    }

    #[test]
    fn what_cannot_be_divided_by_is_refused() {
        for std in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let scale = Standardize { mean: vec![0.0], std: vec![std], dequantize: 0.0 };
            assert!(scale.validate().is_err(), "{std}");
        }
    }
}

//! The spiral of the paper's first figure.

use std::f64::consts::PI;

use random::Seed;
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::points::{OpenedPoints, Points};

/// scikit-learn's swiss roll without its third dimension, of mean 0 and, over both coordinates, variance 1.
///
/// With u uniform in [0, 1] and `a = 1.5 pi (1 + 2 u)`, a point is `((a cos a, a sin a) + noise z - m) / s`, z being standard
/// normal, m the law's mean and s the standard deviation of the law, noise included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwissRollConfig {
    /// Standard deviation of the noise before the roll is scaled, which divides it by about 6.5.
    pub noise: f64,
    /// Training points; there are a tenth as many for validation.
    pub points: usize,
    /// Which of all sets of so many points.
    pub seed: u64,
}

/// The law is summed over places half a width of the noise apart: with less noise there are too many.
const LEAST_NOISE: f64 = 1e-3;
const MOST_NOISE: f64 = 1e3;
/// A gigabyte of numbers.
const MOST_POINTS: usize = 1 << 27;

impl Default for SwissRollConfig {
    fn default() -> Self {
        Self { noise: 0.25, points: 100_000, seed: 0 }
    }
}

pub(super) const FIRST_ANGLE: f64 = 1.5 * PI;
pub(super) const LAST_ANGLE: f64 = 4.5 * PI;

/// The mean of the roll: at both ends the cosine is 0, and the sine is -1 and 1.
const MEAN: [f64; 2] = [2.0, 2.0 / (LAST_ANGLE - FIRST_ANGLE)];

impl SwissRollConfig {
    pub(crate) fn open(&self) -> Result<OpenedPoints, DataError> {
        if !(LEAST_NOISE..=MOST_NOISE).contains(&self.noise) {
            return Err(DataError::out_of_range("noise", self.noise, LEAST_NOISE, MOST_NOISE));
        }
        if !(1..=MOST_POINTS).contains(&self.points) {
            return Err(DataError::out_of_range("points", self.points, 1, MOST_POINTS));
        }
        let mut fingerprint = Fingerprint::new("swiss-roll");
        fingerprint.add("law", format!("{} {} {}", self.noise, self.points, self.seed));
        let (train, valid) = (self.draw("train", self.points), self.draw("valid", self.points.div_ceil(10)));
        Ok(OpenedPoints { train, valid: Some(valid), fingerprint })
    }

    fn draw(&self, split: &str, points: usize) -> Points {
        let mut stream = Seed(self.seed).stream(&format!("swiss-roll/{split}"), 0);
        let noise = self.width();
        let point = |_| {
            let centre = self.curve(stream.uniform());
            let z = stream.normal(2);
            [0, 1].map(|axis| (centre[axis] + noise * f64::from(z[axis])) as f32)
        };
        Points { values: (0..points).flat_map(point).collect(), shape: [2, 1, 1] }
    }

    /// Standard deviation of the noise in the scaled roll.
    pub fn width(&self) -> f64 {
        self.noise / self.scale()
    }

    /// Standard deviation of the law before scaling: `E a^2` less the square of the mean, shared by two coordinates.
    pub(super) fn scale(&self) -> f64 {
        let square = (LAST_ANGLE.powi(3) - FIRST_ANGLE.powi(3)) / (3.0 * (LAST_ANGLE - FIRST_ANGLE));
        ((square - MEAN[0].powi(2) - MEAN[1].powi(2)) / 2.0 + self.noise.powi(2)).sqrt()
    }

    /// The noise-free point at a share of the roll.
    pub fn curve(&self, share: f64) -> [f64; 2] {
        let angle = FIRST_ANGLE + share * (LAST_ANGLE - FIRST_ANGLE);
        [(angle * angle.cos() - MEAN[0]) / self.scale(), (angle * angle.sin() - MEAN[1]) / self.scale()]
    }

    /// An upper bound of the roll's length, after scaling.
    pub(super) fn length(&self) -> f64 {
        (LAST_ANGLE - FIRST_ANGLE) * (1.0 + LAST_ANGLE.powi(2)).sqrt() / self.scale()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_named() {
        let refused = |config: SwissRollConfig| config.open().err().unwrap().to_string();
        for noise in [1e-300, 1e-6, 0.0, -1.0, 1e4, f64::NAN, f64::INFINITY] {
            let expected = format!("dataset.noise: {noise:?} is not between 0.001 and 1000.0");
            assert_eq!(refused(roll(noise)), expected);
        }
        let points = SwissRollConfig { points: usize::MAX, ..roll(0.5) };
        assert!(refused(points).ends_with("is not between 1 and 134217728"));
    }

    fn roll(noise: f64) -> SwissRollConfig {
        SwissRollConfig { noise, points: 20_000, ..SwissRollConfig::default() }
    }

    #[test]
    fn the_roll_has_mean_zero_and_variance_one() {
        let points = roll(0.5).open().unwrap().train;
        let count = points.len() as f64;
        let mean = |axis: usize| {
            points.values.iter().skip(axis).step_by(2).map(|&v| f64::from(v)).sum::<f64>() / count
        };
        let square = points.values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / (2.0 * count);
        // Five standard errors.
        assert!(mean(0).abs() < 0.036 && mean(1).abs() < 0.036, "{} {}", mean(0), mean(1));
        assert!((square - 1.0).abs() < 0.03, "{square}");
    }
}

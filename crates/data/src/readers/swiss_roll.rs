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

impl Default for SwissRollConfig {
    fn default() -> Self {
        Self { noise: 0.25, points: 100_000, seed: 0 }
    }
}

const FIRST_ANGLE: f64 = 1.5 * PI;
const LAST_ANGLE: f64 = 4.5 * PI;

/// The mean of the roll: at both ends the cosine is 0, and the sine is -1 and 1.
const MEAN: [f64; 2] = [2.0, 2.0 / (LAST_ANGLE - FIRST_ANGLE)];

impl SwissRollConfig {
    pub(crate) fn open(&self) -> Result<OpenedPoints, DataError> {
        let refuse = |key, reason: &str| Err(DataError::Config { key, reason: reason.into() });
        if !(self.noise > 0.0 && self.noise <= 1e3) {
            return refuse("noise", "it must be above 0 and at most 1000");
        }
        if self.points == 0 || self.points > 1 << 27 {
            return refuse("points", "there must be at least one, and no more than memory holds");
        }
        let mut fingerprint = Fingerprint::new("swiss-roll");
        fingerprint.add("law", format!("{} {} {}", self.noise, self.points, self.seed));
        let (train, valid) = (self.draw("train", self.points), self.draw("valid", self.points.div_ceil(10)));
        Ok(OpenedPoints { train, valid: Some(valid), fingerprint })
    }

    fn draw(&self, split: &str, points: usize) -> Points {
        let mut stream = Seed(self.seed).stream(&format!("swiss-roll/{split}"), 0);
        let noise = self.noise / self.scale();
        let point = |_| {
            let centre = self.curve(stream.uniform());
            let z = stream.normal(2);
            [0, 1].map(|axis| (centre[axis] + noise * f64::from(z[axis])) as f32)
        };
        Points { values: (0..points).flat_map(point).collect(), shape: [2, 1, 1] }
    }

    /// Standard deviation of the law before scaling: `E a^2` less the square of the mean, shared by two coordinates.
    fn scale(&self) -> f64 {
        let square = (LAST_ANGLE.powi(3) - FIRST_ANGLE.powi(3)) / (3.0 * (LAST_ANGLE - FIRST_ANGLE));
        ((square - MEAN[0].powi(2) - MEAN[1].powi(2)) / 2.0 + self.noise.powi(2)).sqrt()
    }

    /// The noise-free point at a share of the roll.
    fn curve(&self, share: f64) -> [f64; 2] {
        let angle = FIRST_ANGLE + share * (LAST_ANGLE - FIRST_ANGLE);
        [(angle * angle.cos() - MEAN[0]) / self.scale(), (angle * angle.sin() - MEAN[1]) / self.scale()]
    }

    /// The highest mean log-likelihood in bits that a model can reach, the law's negative entropy, by quadrature: the
    /// density is a sum over the roll, and its logarithm is averaged over the roll and over normal noise around it.
    pub fn optimum_bits(&self) -> f64 {
        const PLACES: usize = 200;
        let width = self.noise / self.scale();
        let share = |i: usize, count: usize| (i as f64 + 0.5) / count as f64;
        // Centres closer than half the noise: the sum is then exact to many digits.
        let count = (self.length() / (0.5 * width)).ceil().max(500.0) as usize;
        let centres: Vec<[f64; 2]> = (0..count).map(|i| self.curve(share(i, count))).collect();
        let norm = count as f64 * 2.0 * PI * width.powi(2);
        let rule = normal_rule();
        let place = |i: usize| {
            let middle = self.curve(share(i, PLACES));
            let reach = 2.0 * FARTHEST * width;
            let near = centres.iter().filter(|centre| squared(**centre, middle) < reach.powi(2));
            let near: Vec<[f64; 2]> = near.copied().collect();
            let log_density = |x: f64, y: f64| {
                let point = [middle[0] + width * x, middle[1] + width * y];
                let kernel = |centre: &[f64; 2]| (-0.5 * squared(point, *centre) / width.powi(2)).exp();
                (near.iter().map(kernel).sum::<f64>() / norm).log2()
            };
            let pairs = rule.iter().flat_map(|x| rule.iter().map(move |y| (x, y)));
            pairs.map(|((x, wx), (y, wy))| wx * wy * log_density(*x, *y)).sum::<f64>()
        };
        (0..PLACES).map(place).sum::<f64>() / PLACES as f64
    }

    /// An upper bound of the roll's length, after scaling.
    fn length(&self) -> f64 {
        (LAST_ANGLE - FIRST_ANGLE) * (1.0 + LAST_ANGLE.powi(2)).sqrt() / self.scale()
    }
}

fn squared(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
}

/// How many standard deviations of the noise quadrature looks at.
const FARTHEST: f64 = 5.5;

/// Places and weights for the mean of a function of a standard normal number: an even grid, weighted by the density,
/// which converges exponentially.
fn normal_rule() -> Vec<(f64, f64)> {
    let places: Vec<f64> = (-11..=11).map(|i| f64::from(i) * FARTHEST / 11.0).collect();
    let total: f64 = places.iter().map(|x| (-0.5 * x * x).exp()).sum();
    places.into_iter().map(|x| (x, (-0.5 * x * x).exp() / total)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// Little noise spreads a roll of density `1 / (3 pi |c'|)`, c' being its speed, evenly to both sides.
    #[test]
    fn the_optimum_at_little_noise_is_that_of_a_thin_roll() {
        let roll = roll(0.01);
        let log_speed = |i: usize| {
            let angle = FIRST_ANGLE + (i as f64 + 0.5) / 1000.0 * (LAST_ANGLE - FIRST_ANGLE);
            0.5 * (1.0 + angle.powi(2)).log2()
        };
        let along = (3.0 * PI).log2() + (0..1000).map(log_speed).sum::<f64>() / 1000.0;
        let across = 0.5 * (2.0 * PI * std::f64::consts::E * roll.noise.powi(2)).log2();
        let expected = 2.0 * roll.scale().log2() - along - across;
        assert!((roll.optimum_bits() - expected).abs() < 0.005, "{} is not {expected}", roll.optimum_bits());
    }

    /// Recorded once: the optimum that published runs are compared with.
    #[test]
    fn the_optimum_never_changes() {
        for (noise, recorded) in [(0.03, 2.1199), (0.25, -0.9462)] {
            let found = roll(noise).optimum_bits();
            assert!((found - recorded).abs() < 2e-3, "noise {noise}: {found} is not {recorded}");
        }
    }

    /// So much noise that nothing else is left: the negative entropy of a normal law.
    #[test]
    fn a_roll_that_drowns_is_normal() {
        let expected = -(2.0 * PI * std::f64::consts::E).log2();
        assert!((roll(300.0).optimum_bits() - expected).abs() < 1e-3, "{}", roll(300.0).optimum_bits());
    }
}

//! What can be known of the roll's law, by quadrature.

use std::f64::consts::PI;

use super::swiss_roll::SwissRollConfig;

/// What is left unknown of a point by a noisy look at it, where such looks may fall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unknown {
    /// Probability of looks like this.
    pub weight: f64,
    /// Variance of each coordinate of the point, given the look.
    pub variance: [f64; 2],
}

impl SwissRollConfig {
    /// The highest mean log-likelihood in bits that a model can reach, the law's negative entropy, by quadrature: the
    /// density is a sum over the roll, and its logarithm is averaged over the roll and over normal noise around it.
    pub fn optimum_bits(&self) -> f64 {
        const PLACES: usize = 200;
        let width = self.width();
        let centres = self.centres(width);
        let norm = centres.len() as f64 * 2.0 * PI * width.powi(2);
        let rule = normal_rule(11, FARTHEST);
        let place = |i: usize| {
            let middle = self.curve((i as f64 + 0.5) / PLACES as f64);
            let near = near(&centres, middle, 2.0 * FARTHEST * width);
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

    /// The log-likelihood in bits of points, one after the other; far from the roll, where no point of the law falls, it is
    /// minus infinity.
    pub(crate) fn log_likelihood_bits(&self, points: &[f32]) -> Vec<f64> {
        let width = self.width();
        let centres = self.centres(width);
        let norm = centres.len() as f64 * 2.0 * PI * width.powi(2);
        let of_point = |point: &[f32]| {
            let point = [point[0].into(), point[1].into()];
            let squares = centres.iter().map(|centre| squared(point, *centre));
            let near = squares.filter(|square| *square < (2.0 * FARTHEST * width).powi(2));
            (near.map(|square| (-0.5 * square / width.powi(2)).exp()).sum::<f64>() / norm).log2()
        };
        points.chunks_exact(2).map(of_point).collect()
    }

    /// The variance that is left in the two coordinates of a point `x` when `x + sqrt(noise) z` is known, over the law of
    /// that, z being standard normal.
    ///
    /// Given a place on the roll, noise of the roll and noise of the look are normal; places are summed over.
    pub fn unknown(&self, noise: f64) -> Vec<Unknown> {
        const PLACES: usize = 64;
        let (own, seen) = (self.width().powi(2), self.width().powi(2) + noise);
        let (across, share) = (own * noise / seen, noise / seen);
        let centres = self.centres(seen.sqrt());
        let rule = normal_rule(5, COARSE);
        let place = |i: usize| {
            let middle = self.curve((i as f64 + 0.5) / PLACES as f64);
            let near = near(&centres, middle, 2.5 * COARSE * seen.sqrt());
            let pairs = rule.iter().flat_map(|x| rule.iter().map(move |y| (x, y)));
            let looks = pairs.map(|((x, wx), (y, wy))| {
                let look = [middle[0] + seen.sqrt() * x, middle[1] + seen.sqrt() * y];
                let spread = spread(&near, look, seen);
                Unknown {
                    weight: wx * wy / PLACES as f64,
                    variance: spread.map(|of_place| across + share.powi(2) * of_place),
                }
            });
            looks.collect::<Vec<_>>()
        };
        (0..PLACES).flat_map(place).collect()
    }

    /// Places on the roll closer than half a width, so that sums over normal laws there are exact to many digits.
    fn centres(&self, width: f64) -> Vec<[f64; 2]> {
        let count = (self.length() / (0.5 * width)).ceil().max(500.0) as usize;
        (0..count).map(|i| self.curve((i as f64 + 0.5) / count as f64)).collect()
    }
}

/// Variance of each coordinate of the centres, weighted by a normal law around `look`.
fn spread(centres: &[[f64; 2]], look: [f64; 2], variance: f64) -> [f64; 2] {
    let (mut total, mut first, mut second) = (0.0, [0.0; 2], [0.0; 2]);
    for centre in centres {
        let weight = (-0.5 * squared(*centre, look) / variance).exp();
        total += weight;
        for axis in 0..2 {
            let distance = centre[axis] - look[axis];
            first[axis] += weight * distance;
            second[axis] += weight * distance.powi(2);
        }
    }
    [0, 1].map(|axis| (second[axis] / total - (first[axis] / total).powi(2)).max(0.0))
}

fn near(centres: &[[f64; 2]], middle: [f64; 2], reach: f64) -> Vec<[f64; 2]> {
    centres.iter().filter(|centre| squared(**centre, middle) < reach.powi(2)).copied().collect()
}

/// How many standard deviations of the noise the quadrature of the optimum looks at.
const FARTHEST: f64 = 5.5;
/// The same of variances, which hardly change from one look to the next.
const COARSE: f64 = 4.0;

/// Places and weights for the mean of a function of a standard normal number: an even grid of `half` places to each side
/// up to `farthest`, weighted by the density, which converges exponentially.
fn normal_rule(half: i32, farthest: f64) -> Vec<(f64, f64)> {
    let places: Vec<f64> = (-half..=half).map(|i| f64::from(i) * farthest / f64::from(half)).collect();
    let total: f64 = places.iter().map(|x| (-0.5 * x * x).exp()).sum();
    places.into_iter().map(|x| (x, (-0.5 * x * x).exp() / total)).collect()
}

fn squared(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readers::swiss_roll::{FIRST_ANGLE, LAST_ANGLE};

    fn roll(noise: f64) -> SwissRollConfig {
        SwissRollConfig { noise, ..SwissRollConfig::default() }
    }

    /// Much noise tells nothing; the variance of the law, over both coordinates, is 1.
    #[test]
    fn a_look_through_much_noise_leaves_everything_unknown() {
        let left = roll(0.25).unknown(1e4);
        let mean: f64 = left.iter().map(|u| u.weight * (u.variance[0] + u.variance[1]) / 2.0).sum();
        assert!((mean - 1.0).abs() < 1e-3, "{mean}");
    }

    /// Noise far below the roll's own leaves just itself unknown, and that between the windings, where the roll is a line,
    /// the roll's own across and itself along.
    #[test]
    fn a_clear_look_leaves_its_own_noise_unknown() {
        let sum = |noise: f64| -> f64 {
            roll(0.1).unknown(noise).iter().map(|u| u.weight * (u.variance[0] + u.variance[1])).sum()
        };
        let own = roll(0.1).width().powi(2);
        assert!((sum(own / 100.0) / (own / 100.0) - 2.0).abs() < 0.02);
        let wide = 25.0 * own;
        let expected = wide + own * wide / (own + wide);
        assert!((sum(wide) / expected - 1.0).abs() < 0.05, "{} is not {expected}", sum(wide));
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

    /// The mean log-likelihood of the law's own points is the optimum.
    #[test]
    fn points_of_the_law_are_as_likely_as_the_optimum_says() {
        let roll = SwissRollConfig { points: 20_000, ..roll(0.25) };
        let bits = roll.log_likelihood_bits(&roll.open().unwrap().train.values);
        let mean = bits.iter().sum::<f64>() / bits.len() as f64;
        // Five standard errors.
        assert!((mean - roll.optimum_bits()).abs() < 0.05, "{mean}");
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

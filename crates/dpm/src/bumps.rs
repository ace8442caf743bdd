use burn::prelude::*;
use serde::{Deserialize, Serialize};

/// Along what bumps are evenly spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeScale {
    /// The step t, as in the paper.
    #[default]
    Even,
    /// `ln(t / (T + 1 - t))`: close at both ends, for chains whose first steps differ from each other by factors, such as the
    /// binomial one, where a bit that is wrong at step t came to be so at the step itself with probability `1/t`.
    Logit,
}

/// Normalised Gaussian bumps along the chain (Sohl-Dickstein et al. 2015, appendix D.2.1): coefficients that a network
/// gives them make functions of t that cannot jump.
#[derive(Clone, Debug)]
pub struct Bumps {
    count: usize,
    /// Length T of the chain.
    length: usize,
    scale: TimeScale,
}

impl Bumps {
    /// `count` bumps, evenly spaced over a chain of `length` steps and as wide as their distance.
    pub fn new(count: usize, length: usize, scale: TimeScale) -> Self {
        Self { count, length, scale }
    }

    /// The bumps at some steps, each in `1..=T`; they add up to 1.
    ///
    /// # Shapes
    ///
    /// - result: `[G, count]`
    pub fn at(&self, steps: &[usize], device: &Device) -> Tensor<2> {
        let values = steps.iter().flat_map(|&t| self.row(t)).collect();
        Tensor::from_data(TensorData::new::<f32, _>(values, [steps.len(), self.count]), device)
    }

    fn row(&self, t: usize) -> Vec<f32> {
        let (step, length) = (t as f64, self.length as f64);
        let share = match self.scale {
            TimeScale::Even => (step - 0.5) / length,
            TimeScale::Logit => 0.5 + 0.5 * (step / (length + 1.0 - step)).ln() / length.ln(),
        };
        let place = share * self.count as f64 - 0.5;
        let bumps: Vec<f64> = (0..self.count).map(|j| (-0.5 * (place - j as f64).powi(2)).exp()).collect();
        let sum: f64 = bumps.iter().sum();
        bumps.into_iter().map(|bump| (bump / sum) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bump_stands_over_its_share_of_the_chain() {
        let bumps = Bumps::new(4, 40, TimeScale::Even);
        for t in 1..=40 {
            let row = bumps.row(t);
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            let highest = (0..4).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
            assert_eq!(highest, (t - 1) / 10, "step {t}: {row:?}");
        }
    }

    /// A quarter of the bumps stands over the steps below the root of T, and as many over the last.
    #[test]
    fn by_odds_they_are_close_at_both_ends() {
        let bumps = Bumps::new(16, 10_000, TimeScale::Logit);
        let centre = |t: usize| (0..16).map(|j| j as f32 * bumps.row(t)[j]).sum::<f32>();
        assert!((centre(100) - 3.5).abs() < 0.05 && (centre(9901) - 11.5).abs() < 0.05, "{}", centre(100));
        assert!(centre(1) < 0.5 && centre(10_000) > 14.5);
    }
}

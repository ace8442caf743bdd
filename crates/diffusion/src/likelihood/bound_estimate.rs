use burn::prelude::*;

use super::variational_bound::{VariationalBound, read};
use crate::{Denoiser, DiffusionError};

impl VariationalBound {
    /// An unbiased estimate of the whole bound of each image, in bits/dim, from few evaluations: `L_T` and `L_0` as they
    /// are, and of every stratum of the other steps one, drawn by `uniform` from `[0, 1)`, which stands for all of it.
    ///
    /// Strata are narrow at low noise, where the terms are large.
    ///
    /// # Shapes
    ///
    /// - x0, what `noise` draws: `[B, C, H, W]`
    ///
    /// # Errors
    ///
    /// What the denoiser refuses, and numbers that cannot be read from the device.
    pub fn estimate(
        &self,
        denoiser: &dyn Denoiser,
        x0: Tensor<4>,
        noise: &mut dyn FnMut() -> Tensor<4>,
        uniform: &mut dyn FnMut() -> f64,
        evaluations: usize,
    ) -> Result<Vec<f64>, DiffusionError> {
        let first = self.step(denoiser, x0.clone(), noise(), 0)?;
        let mut sum = self.prior(x0.clone()) + first;
        for stratum in strata(self.steps(), evaluations).windows(2) {
            let width = (stratum[1] - stratum[0]) as f64;
            let step = stratum[0] + (uniform() * width) as usize;
            sum = sum + self.step(denoiser, x0.clone(), noise(), step)? * width;
        }
        read(sum)
    }
}

/// The edges of `evaluations - 1` strata of the steps from 1 on, or of as many as there are steps.
fn strata(steps: usize, evaluations: usize) -> Vec<usize> {
    let strata = evaluations.saturating_sub(1).max(1);
    let edge = |i: usize| 1.0 + (steps - 1) as f64 * (i as f64 / strata as f64).powi(2);
    let mut edges: Vec<usize> = (0..=strata).map(|i| edge(i).round() as usize).collect();
    edges.dedup();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strata_cover_all_steps_but_the_first_once() {
        for (steps, evaluations) in [(1000, 20), (4000, 2), (5, 20), (2, 2), (1, 3)] {
            let edges = strata(steps, evaluations);
            assert_eq!((edges[0], edges[edges.len() - 1]), (1, steps), "{steps} in {evaluations}");
            assert!(edges.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(edges.len() <= evaluations);
        }
    }
}

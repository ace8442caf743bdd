use burn::prelude::*;
use schedules::{FixedVariance, NoiseLevel, Posterior};

use crate::solver::add_noise;
use crate::{Denoiser, DiffusionError, Solver};

/// Draws from `p(x_t | x_s) = N(posterior mean, variance I)` (Ho et al. 2020, algorithm 2).
pub struct Ancestral {
    /// Variance of each reverse step.
    pub variance: FixedVariance,
}

impl Solver for Ancestral {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        from: NoiseLevel,
        to: NoiseLevel,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let x0 = denoiser.denoise(x.clone(), from)?;
        let posterior = Posterior::between(from, to);
        let mean = x0.clone() * posterior.x0_coefficient + x * posterior.x_coefficient;
        Ok((add_noise(mean, posterior.fixed_variance(self.variance), noise), x0))
    }
}

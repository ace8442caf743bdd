use burn::prelude::*;
use schedules::{FixedVariance, Posterior};

use crate::solver::add_noise;
use crate::{Denoiser, DiffusionError, Solver, Stage};

/// Draws from `p(x_t | x_s) = N(posterior mean, variance I)` (Ho et al. 2020, algorithm 2), with the network's variance
/// where it has learnt one (Nichol & Dhariwal 2021, section 3.1).
pub struct Ancestral {
    /// Variance of each reverse step of a network that has learnt none.
    pub variance: FixedVariance,
}

impl Solver for Ancestral {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let prediction = denoiser.denoise(x.clone(), stage.from)?;
        let posterior = Posterior::between(stage.from, stage.to);
        let x0 = prediction.x0;
        let mean = x0.clone() * posterior.x0_coefficient + x * posterior.x_coefficient;
        let x = match prediction.variance {
            Some(learned) if posterior.variance > 0.0 => {
                let log = |variance: f64| Tensor::full([1; 4], variance.ln(), (&mean.device(), mean.dtype()));
                let (low, high) = (log(posterior.variance), log(posterior.forward_variance));
                mean + noise() * (learned.log_variance(low, high) * 0.5).exp()
            }
            _ => add_noise(mean, posterior.fixed_variance(self.variance), noise),
        };
        Ok((x, x0))
    }
}

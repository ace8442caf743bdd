use burn::prelude::*;
use schedules::{NoiseLevel, Posterior};

use crate::solver::add_noise;
use crate::{Denoiser, DiffusionError, Solver};

/// Song et al. 2020 (DDIM), eq. 12: `x_t = alpha_t x0 + sqrt(sigma_t^2 - v) eps + sqrt(v) z`.
pub struct Ddim {
    /// `v = eta^2 (sigma_t/sigma_s)^2 (sigma_s^2 - (alpha_s/alpha_t)^2 sigma_t^2)`.
    pub eta: f64,
}

impl Solver for Ddim {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        from: NoiseLevel,
        to: NoiseLevel,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let x0 = denoiser.denoise(x.clone(), from)?;
        let eps = (x - x0.clone() * from.alpha) / from.sigma;
        let variance = self.eta.powi(2) * Posterior::between(from, to).variance;
        let kept = (to.sigma.powi(2) - variance).max(0.0).sqrt();
        Ok((add_noise(x0.clone() * to.alpha + eps * kept, variance, noise), x0))
    }
}

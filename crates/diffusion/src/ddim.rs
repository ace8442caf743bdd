use burn::prelude::*;
use schedules::Posterior;

use crate::solver::add_noise;
use crate::{Denoiser, DiffusionError, Solver, Stage};

/// Song et al. 2020 (DDIM), eq. 12: `x_t = alpha_t x0 + sqrt(sigma_t^2 - v) eps + sqrt(v) z`.
///
/// With `eta` 0 this is Euler's method on any path, flow matching's too, and DPM-Solver's first order; over rising
/// levels it inverts an image into its noise. With `eta` 1 it is Euler-ancestral, and DDPM with the small variance.
pub struct Ddim {
    /// `v = eta^2 (sigma_t/sigma_s)^2 (sigma_s^2 - (alpha_s/alpha_t)^2 sigma_t^2)`.
    pub eta: f64,
}

impl Solver for Ddim {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let Stage { from, to, .. } = stage;
        let prediction = denoiser.denoise(x, from)?;
        let variance = ddim_variance(self.eta, stage);
        let kept = (to.sigma.powi(2) - variance).max(0.0).sqrt();
        let mean = prediction.x0.clone() * to.alpha + prediction.eps * kept;
        Ok((add_noise(mean, variance, noise), prediction.x0))
    }
}

/// How much of the noise at `stage.to` is drawn anew.
pub(crate) fn ddim_variance(eta: f64, stage: Stage) -> f64 {
    if eta == 0.0 { 0.0 } else { eta.powi(2) * Posterior::between(stage.from, stage.to).variance }
}

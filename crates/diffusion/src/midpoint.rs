use burn::prelude::*;
use schedules::NoiseLevel;

use crate::ddim::ddim_variance;
use crate::solver::{add_noise, along};
use crate::{Denoiser, DiffusionError, Solver, Stage};

/// The midpoint method in lambda, k-diffusion's DPM2 (Karras et al. 2022's parameters with DPM-Solver-2's midpoint,
/// Lu et al. 2022, algorithm 1): two evaluations a step, order 2.
///
/// `eta` above 0 draws noise anew as [`Ddim`](crate::Ddim) does (DPM2 ancestral). The step to the clean level is Euler's.
pub struct Midpoint {
    /// 0 deterministic, 1 ancestral.
    pub eta: f64,
}

impl Solver for Midpoint {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let from = stage.from;
        let first = denoiser.denoise(x.clone(), from)?;
        let variance = ddim_variance(self.eta, stage);
        let kept = (stage.to.sigma.powi(2) - variance).max(0.0).sqrt();
        let down = NoiseLevel { sigma: kept, ..stage.to };
        if kept == 0.0 || from.alpha == 0.0 {
            return Ok((add_noise(first.at(down), variance, noise), first.x0));
        }
        let middle = from.halfway(down);
        let second = denoiser.denoise(first.at(middle), middle)?;
        let x = along(x, second.x0.clone(), second.eps, from, down);
        Ok((add_noise(x, variance, noise), second.x0))
    }
}

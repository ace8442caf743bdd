use burn::prelude::*;
use schedules::NoiseLevel;

use crate::ddim::ddim_variance;
use crate::exponential::step_from_noise;
use crate::solver::add_noise;
use crate::{Denoiser, DiffusionError, Prediction, Solver, Stage};

/// Stochastic DPM-Solver++ of two stages (k-diffusion's `dpmpp_sde` with midpoint 1/2): two evaluations and two noises a
/// step. The step to the clean level is Euler's.
pub struct DpmSde {
    /// Deviation of the noise drawn.
    pub deviation: f64,
}

impl DpmSde {
    /// An ancestral exponential step from `from` to `to` with a given clean image.
    fn ancestral(
        &self,
        x: Tensor<4>,
        x0: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Tensor<4> {
        let NoiseLevel { alpha, sigma } = stage.from;
        let variance = ddim_variance(1.0, stage);
        let kept = (stage.to.sigma.powi(2) - variance).max(0.0).sqrt() / sigma;
        let mean = x * kept + x0 * (stage.to.alpha - alpha * kept);
        add_noise(mean, variance * self.deviation.powi(2), noise)
    }
}

impl Solver for DpmSde {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let first = denoiser.denoise(x.clone(), stage.from)?;
        if stage.to.sigma == 0.0 {
            return Ok((first.at(stage.to), first.x0));
        }
        if stage.from.alpha == 0.0 {
            return Ok((step_from_noise(&first, true, stage.to, noise), first.x0));
        }
        let middle = Stage { to: stage.from.halfway(stage.to), ..stage };
        let half = self.ancestral(x.clone(), first.x0, middle, noise);
        let Prediction { x0, .. } = denoiser.denoise(half, middle.to)?;
        Ok((self.ancestral(x, x0.clone(), stage, noise), x0))
    }
}

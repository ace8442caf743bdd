use burn::prelude::*;

use crate::solver::along;
use crate::{Churn, Denoiser, DiffusionError, Solver, Stage};

/// Heun's method with churn (Karras et al. 2022, algorithms 1 and 2): two evaluations a step, order 2.
///
/// The step to the clean level is Euler's.
pub struct Heun {
    /// Noise added before each step.
    pub churn: Churn,
}

impl Solver for Heun {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let (x, from) = self.churn.apply(x, stage, noise);
        let first = denoiser.denoise(x.clone(), from)?;
        let euler = first.at(stage.to);
        if stage.to.sigma == 0.0 {
            return Ok((euler, first.x0));
        }
        let second = denoiser.denoise(euler, stage.to)?;
        let x0 = (first.x0 + second.x0) / 2.0;
        let eps = (first.eps + second.eps) / 2.0;
        Ok((along(x, x0.clone(), eps, from, stage.to), x0))
    }
}

use burn::prelude::*;

use crate::{Churn, Denoiser, DiffusionError, Solver, Stage};

/// Euler's method with churn: one evaluation a step, order 1.
pub struct Euler {
    /// Noise added before each step.
    pub churn: Churn,
}

impl Solver for Euler {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let (x, from) = self.churn.apply(x, stage, noise);
        let prediction = denoiser.denoise(x, from)?;
        Ok((prediction.at(stage.to), prediction.x0))
    }
}

use burn::prelude::*;

use crate::solver::add_noise;
use crate::{Denoiser, DiffusionError, Solver, Stage};

/// Multistep consistency sampling (Song et al. 2023, algorithm 1; LCM, Luo et al. 2023): the clean image, noised anew.
///
/// Right for a denoiser that jumps to the data; of the exact denoiser it makes stochastic flow matching's steps.
pub struct Consistency;

impl Solver for Consistency {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let x0 = denoiser.denoise(x, stage.from)?.x0;
        Ok((add_noise(x0.clone() * stage.to.alpha, stage.to.sigma.powi(2), noise), x0))
    }
}

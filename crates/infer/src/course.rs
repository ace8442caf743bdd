use std::ops::ControlFlow;

use anyhow::Result;
use burn::prelude::*;
use diffusion::{Denoiser, Solver, Step, sample};
use schedules::NoiseLevel;

use crate::edit::Edit;

/// A sampler with its model, ready to go.
pub struct Course<'a> {
    /// What denoises.
    pub denoiser: Box<dyn Denoiser + 'a>,
    /// What makes a step.
    pub solver: Box<dyn Solver>,
    /// The levels visited, the end last.
    pub levels: Vec<NoiseLevel>,
    /// What standard normal noise is multiplied by to begin the whole walk.
    pub init_noise_sigma: f64,
}

impl Course<'_> {
    /// Walks from standard normal noise to images, or to changes of one.
    ///
    /// # Shapes
    ///
    /// - x, what `noise` draws, result: `[B, C, H, W]`
    ///
    /// # Errors
    ///
    /// As [`sample`].
    pub fn run(
        mut self,
        edit: Option<&Edit>,
        x: Tensor<4>,
        noise: &mut dyn FnMut() -> Tensor<4>,
        observer: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Tensor<4>> {
        let Some(edit) = edit else {
            let x = x * self.init_noise_sigma;
            return Ok(sample(&self.denoiser, self.solver.as_mut(), &self.levels, x, noise, observer)?);
        };
        edit.sample(self, x, noise, observer)
    }
}

use std::ops::ControlFlow;

use burn::prelude::*;
use schedules::NoiseLevel;

use crate::{Denoiser, DiffusionError, Solver, Stage};

/// What the observer of [`sample`] sees after each step.
pub struct Step<'a> {
    /// Steps finished, from 1.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
    /// The level that `x` has now.
    pub level: NoiseLevel,
    /// The image at that level, `[B, C, H, W]`.
    pub x: &'a Tensor<4>,
    /// The clean image that the step believed in, `[B, C, H, W]`.
    pub x0: &'a Tensor<4>,
}

/// Walks from the first of `levels` to the last and returns the image there: the only sampling loop.
///
/// `x` is at the first level; `noise` draws standard normal images of its shape. Progress bars, previews and
/// cancelling hang on the `observer`.
///
/// # Shapes
///
/// - x: `[B, C, H, W]`
/// - result: `[B, C, H, W]`
///
/// # Errors
///
/// What the denoiser refuses, and [`DiffusionError::Stopped`] when the observer breaks off.
pub fn sample(
    denoiser: &dyn Denoiser,
    solver: &mut dyn Solver,
    levels: &[NoiseLevel],
    mut x: Tensor<4>,
    noise: &mut dyn FnMut() -> Tensor<4>,
    observer: &mut dyn FnMut(Step) -> ControlFlow<()>,
) -> Result<Tensor<4>, DiffusionError> {
    let total = levels.len().saturating_sub(1);
    for (index, pair) in levels.windows(2).enumerate() {
        let stage = Stage { from: pair[0], to: pair[1], index, total };
        let (next, x0) = solver.step(denoiser, x, stage, noise)?;
        x = next;
        let done = index + 1;
        if observer(Step { done, total, level: stage.to, x: &x, x0: &x0 }).is_break() && done < total {
            return Err(DiffusionError::Stopped { done, total });
        }
    }
    Ok(x)
}

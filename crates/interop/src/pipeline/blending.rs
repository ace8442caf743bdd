use std::cell::Cell;

use burn::prelude::*;
use diffusion::{Denoiser, DiffusionError, Prediction, Solver, Stage, noised};
use schedules::NoiseLevel;

/// What of an image stays while the rest is drawn.
pub(super) struct Kept {
    /// The clean image `[1 or B, C, H, W]`.
    pub(super) image: Tensor<4>,
    /// The noise that it is shown with `[B, C, H, W]`.
    pub(super) noise: Tensor<4>,
    /// 1 where it is drawn anew, 0 where it stays, `[1 or B, 1, H, W]`.
    pub(super) mask: Tensor<4>,
}

impl Kept {
    /// `x` with the image, noised to `level`, where it stays.
    fn put(&self, x: Tensor<4>, level: NoiseLevel) -> Tensor<4> {
        let image = noised(self.image.clone(), level, self.noise.clone());
        image * (self.mask.clone() * -1.0 + 1.0) + x * self.mask.clone()
    }
}

/// A solver around which an image is put back after each evaluation, as the reference library's inpainting pipelines do with
/// a network that knows no masks.
pub(super) struct Blending {
    /// Whose steps they are.
    pub(super) solver: Box<dyn Solver>,
    /// What stays.
    pub(super) kept: Kept,
    /// Whether an evaluation on the way of a step sees it noised as the evaluation's level has it, and not as the level where
    /// the step ends.
    pub(super) by_evaluation: bool,
}

impl Solver for Blending {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let blended = Blended {
            inner: denoiser,
            kept: &self.kept,
            level: (!self.by_evaluation).then_some(stage.to),
            first: Cell::new(true),
        };
        let (x, x0) = self.solver.step(&blended, x, stage, noise)?;
        // At the end it is the image itself, however much noise the level has left.
        let level = if stage.remaining() == 0 { NoiseLevel::CLEAN } else { stage.to };
        Ok((self.kept.put(x, level), self.kept.put(x0, NoiseLevel::CLEAN)))
    }
}

/// A denoiser in one step, whose evaluations after the first see the image that stays.
struct Blended<'a> {
    inner: &'a dyn Denoiser,
    kept: &'a Kept,
    level: Option<NoiseLevel>,
    first: Cell<bool>,
}

impl Denoiser for Blended<'_> {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        if self.first.take() {
            return self.inner.denoise(x, level);
        }
        self.inner.denoise(self.kept.put(x, self.level.unwrap_or(level)), level)
    }
}

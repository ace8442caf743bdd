use burn::prelude::*;
use schedules::NoiseLevel;

use crate::{Denoiser, DiffusionError};

/// One step of a walk over levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Where the image is.
    pub from: NoiseLevel,
    /// Where it is to be.
    pub to: NoiseLevel,
    /// Which step this is, from 0.
    pub index: usize,
    /// How many steps the walk has.
    pub total: usize,
}

impl Stage {
    /// Steps that follow this one.
    pub fn remaining(&self) -> usize {
        self.total - self.index - 1
    }
}

/// Makes one step from a level to another.
///
/// A solver belongs to one walk: one with a memory starts anew at `stage.index` 0.
pub trait Solver {
    /// The image at level `stage.to`, and the clean image that the step believed in.
    ///
    /// `noise` draws standard normal images of the shape of `x`; a deterministic solver never calls it.
    ///
    /// # Shapes
    ///
    /// - x, both results: `[B, C, H, W]`
    ///
    /// # Errors
    ///
    /// What the denoiser refuses, and levels that the solver cannot step between.
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError>;
}

/// `mean + sqrt(variance) z`; without variance no noise is drawn.
pub(crate) fn add_noise(mean: Tensor<4>, variance: f64, noise: &mut dyn FnMut() -> Tensor<4>) -> Tensor<4> {
    if variance == 0.0 {
        return mean;
    }
    mean + noise() * variance.sqrt()
}

/// `x` moved along the straight line between two levels with the given slopes: `x + x0 dalpha + eps dsigma`.
///
/// The probability-flow ODE is `dx = x0 dalpha + eps dsigma` on every path through the levels, so that one formula is
/// Karras' `dx = eps dsigma` (alpha 1) and flow matching's `dx = (eps - x0) dt`.
pub(crate) fn along(
    x: Tensor<4>,
    x0: Tensor<4>,
    eps: Tensor<4>,
    from: NoiseLevel,
    to: NoiseLevel,
) -> Tensor<4> {
    x + x0 * (to.alpha - from.alpha) + eps * (to.sigma - from.sigma)
}

/// `sum w_i t_i`.
pub(crate) fn weighted<'a>(
    weights: &[f64],
    tensors: impl IntoIterator<Item = &'a Tensor<4>>,
) -> Option<Tensor<4>> {
    let terms = weights.iter().zip(tensors).map(|(&weight, tensor)| tensor.clone() * weight);
    terms.reduce(|sum, term| sum + term)
}

use burn::prelude::*;
use schedules::NoiseLevel;

use crate::DiffusionError;

/// The one thing a sampler needs of a model.
pub trait Denoiser {
    /// What the model believes about `x`, which holds noise as `level` says.
    ///
    /// # Shapes
    ///
    /// - x: `[B, C, H, W]`
    /// - result: `[B, C, H, W]` each
    ///
    /// # Errors
    ///
    /// If the model cannot answer at this level.
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError>;
}

impl<D: Denoiser + ?Sized> Denoiser for Box<D> {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        (**self).denoise(x, level)
    }
}

/// What a model believes about a noisy image: its clean part and its noise.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The expected clean image, `[B, C, H, W]`.
    pub x0: Tensor<4>,
    /// The expected noise, `[B, C, H, W]`.
    pub eps: Tensor<4>,
    /// The variance of the reverse step, where the network has learnt it.
    pub variance: Option<LearnedVariance>,
}

/// A learned variance of the reverse step, pixel by pixel, `[B, C, H, W]`.
#[derive(Clone, Debug)]
pub enum LearnedVariance {
    /// From -1 to 1: where its logarithm lies between those of the small and the large variance
    /// (Nichol & Dhariwal 2021, eq. 15).
    Range(Tensor<4>),
    /// The variance itself.
    Direct(Tensor<4>),
}

impl LearnedVariance {
    /// Its logarithm, between those of the smallest and the largest variance that could be learnt.
    ///
    /// # Shapes
    ///
    /// - low, high: broadcast to the image's
    /// - result: `[B, C, H, W]`
    pub fn log_variance(self, low: Tensor<4>, high: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Direct(variance) => variance.log(),
            Self::Range(share) => (share + 1.0) * 0.5 * (high - low.clone()) + low,
        }
    }
}

impl Prediction {
    /// The belief that the clean image is `x0`; the noise is what remains of `x`.
    pub fn from_x0(x0: Tensor<4>, x: Tensor<4>, level: NoiseLevel) -> Self {
        let eps = (x - x0.clone() * level.alpha) / level.sigma;
        Self { x0, eps, variance: None }
    }

    /// The same image with the noise of another level, `alpha x0 + sigma eps`: a DDIM step.
    pub fn at(&self, level: NoiseLevel) -> Tensor<4> {
        self.x0.clone() * level.alpha + self.eps.clone() * level.sigma
    }
}

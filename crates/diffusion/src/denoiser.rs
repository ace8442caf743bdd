use burn::prelude::*;
use schedules::NoiseLevel;

use crate::DiffusionError;

/// The one thing a sampler needs of a model: the clean image it believes in.
pub trait Denoiser {
    /// The expected clean image given `x`, which holds noise as `level` says.
    ///
    /// # Shapes
    ///
    /// - x: `[B, C, H, W]`
    /// - result: `[B, C, H, W]`
    ///
    /// # Errors
    ///
    /// If the model cannot answer at this level.
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Tensor<4>, DiffusionError>;
}

/// Clips the predicted clean image to the range of the data, `[-1, 1]`, as the released DDPM does.
pub struct ClipX0<D>(pub D);

impl<D: Denoiser> Denoiser for ClipX0<D> {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Tensor<4>, DiffusionError> {
        Ok(self.0.denoise(x, level)?.clamp(-1.0, 1.0))
    }
}

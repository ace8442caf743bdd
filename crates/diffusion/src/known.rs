use burn::prelude::*;
use schedules::NoiseLevel;

use crate::noised;

/// The part of an image that stays as it is while the rest is drawn anew.
#[derive(Clone, Debug)]
pub struct Known {
    /// The clean image, `[1 or B, C, H, W]`.
    pub image: Tensor<4>,
    /// Which of its values stay, `[1 or B, 1 or C, H, W]`.
    pub kept: Tensor<4, Bool>,
}

impl Known {
    /// `x` with the kept pixels of the clean image: to the last bit, also where `x` is no number.
    ///
    /// # Shapes
    ///
    /// - x, result: `[B, C, H, W]`
    pub fn put(&self, x: Tensor<4>) -> Tensor<4> {
        self.replace(x, self.image.clone())
    }

    /// `x` with the kept pixels of the image at a level, `alpha image + sigma noise`.
    ///
    /// # Shapes
    ///
    /// - x, noise, result: `[B, C, H, W]`
    pub fn put_noised(&self, x: Tensor<4>, level: NoiseLevel, noise: Tensor<4>) -> Tensor<4> {
        self.replace(x, noised(self.image.clone(), level, noise))
    }

    pub(crate) fn replace(&self, x: Tensor<4>, value: Tensor<4>) -> Tensor<4> {
        let shape = x.dims();
        x.mask_where(self.kept.clone().expand(shape), value.expand(shape))
    }
}

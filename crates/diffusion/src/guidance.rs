use burn::prelude::*;
use schedules::NoiseLevel;

use crate::{Denoiser, DiffusionError};

/// Classifier-free guidance (Ho & Salimans 2022): `d = d_uncond + scale (d_cond - d_uncond)`.
///
/// A scale of 1 is the conditional model alone, 0 the unconditional one. At one level the clean image is linear in
/// eps and in v, so that guiding it is guiding them.
pub struct ClassifierFree<C, U> {
    /// Knows the condition.
    pub conditional: C,
    /// Knows nothing.
    pub unconditional: U,
    /// Guidance scale.
    pub scale: f64,
}

impl<C: Denoiser, U: Denoiser> Denoiser for ClassifierFree<C, U> {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Tensor<4>, DiffusionError> {
        let unconditional = self.unconditional.denoise(x.clone(), level)?;
        let conditional = self.conditional.denoise(x, level)?;
        Ok(unconditional.clone() + (conditional - unconditional) * self.scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Constant(f64);
    impl Denoiser for Constant {
        fn denoise(&self, x: Tensor<4>, _: NoiseLevel) -> Result<Tensor<4>, DiffusionError> {
            Ok(x.full_like(self.0))
        }
    }

    #[test]
    fn guidance_extrapolates() {
        for (scale, expected) in [(0.0, -1.0), (1.0, 2.0), (3.0, 8.0)] {
            let guided = ClassifierFree { conditional: Constant(2.0), unconditional: Constant(-1.0), scale };
            let x = Tensor::zeros([1, 1, 1, 1], &Device::flex());
            let answer = guided.denoise(x, NoiseLevel::CLEAN).unwrap().into_scalar::<f64>();
            assert_eq!(answer, expected);
        }
    }
}

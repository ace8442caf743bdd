use burn::prelude::*;
use schedules::NoiseLevel;

use crate::{Denoiser, DiffusionError, Levels, Parameterization, Prediction};

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
    /// How far the guided prediction is given back the deviation of the conditional one, from 0 to 1, against
    /// over-exposed images (Lin et al. 2023, section 3.4).
    pub rescale: f64,
    /// Whose deviation that is: of the noise, of v.
    pub rescaled: Parameterization,
}

impl<C: Denoiser, U: Denoiser> Denoiser for ClassifierFree<C, U> {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        let unconditional = self.unconditional.denoise(x.clone(), level)?;
        let conditional = self.conditional.denoise(x.clone(), level)?;
        let guide = |of: Tensor<4>, by: Tensor<4>| of.clone() + (by - of) * self.scale;
        let guided = Prediction {
            x0: guide(unconditional.x0, conditional.x0.clone()),
            eps: guide(unconditional.eps, conditional.eps.clone()),
            variance: conditional.variance.clone(),
        };
        if self.rescale == 0.0 {
            return Ok(guided);
        }
        self.rescale(guided, &conditional, x, level)
    }
}

impl<C, U> ClassifierFree<C, U> {
    /// Shrinks the network's guided output towards the deviation of the conditional one.
    fn rescale(
        &self,
        guided: Prediction,
        conditional: &Prediction,
        x: Tensor<4>,
        level: NoiseLevel,
    ) -> Result<Prediction, DiffusionError> {
        let (scale, native) = self.rescaled.input(level);
        let levels = Levels::new(&[native], &x.device());
        let output = |of: &Prediction| self.rescaled.target(of.x0.clone(), of.eps.clone(), &levels);
        let own = output(&guided);
        let factor = deviation(output(conditional)) / deviation(own.clone());
        let factor = factor * self.rescale + (1.0 - self.rescale);
        let prediction = self.rescaled.prediction(own * factor, x * scale, native)?;
        Ok(Prediction { variance: guided.variance, ..prediction })
    }
}

/// Of each image, `[B, 1, 1, 1]`.
fn deviation(x: Tensor<4>) -> Tensor<4> {
    let [batch, ..] = x.dims();
    let flat = x.reshape([batch as i32, -1]);
    let mean = flat.clone().mean_dim(1);
    (flat - mean).square().mean_dim(1).sqrt().reshape([batch, 1, 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scaled(f64);
    impl Denoiser for Scaled {
        fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
            Ok(Prediction::from_x0(x.clone() * self.0, x, level))
        }
    }

    const LEVEL: NoiseLevel = NoiseLevel { alpha: 0.6, sigma: 0.8 };

    fn guided(scale: f64, rescale: f64) -> (Prediction, Tensor<4>) {
        let model = ClassifierFree {
            conditional: Scaled(2.0),
            unconditional: Scaled(-1.0),
            scale,
            rescale,
            rescaled: Parameterization::V,
        };
        let x = Tensor::from_data([[[[1.0, -1.0]]]], &Device::flex());
        (model.denoise(x.clone(), LEVEL).unwrap(), x)
    }

    fn first(x: Tensor<4>) -> f64 {
        x.try_into_vec_as::<f64>().unwrap()[0]
    }

    #[test]
    fn guidance_extrapolates() {
        for (scale, expected) in [(0.0, -1.0), (1.0, 2.0), (3.0, 8.0)] {
            assert!((first(guided(scale, 0.0).0.x0) - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn a_rescaled_prediction_has_the_deviation_of_the_conditional_one() {
        let v = |of: &Prediction| first(of.eps.clone() * 0.6 - of.x0.clone() * 0.8);
        let conditional = v(&guided(1.0, 0.0).0);
        let (rescaled, x) = guided(3.0, 1.0);
        assert!((v(&rescaled).abs() - conditional.abs()).abs() < 1e-5);
        // Still a split of the same x.
        assert!((first(rescaled.at(LEVEL)) - first(x)).abs() < 1e-5);
        let half = v(&guided(3.0, 0.5).0);
        let whole = v(&guided(3.0, 0.0).0);
        assert!((half - (v(&rescaled) + whole) / 2.0).abs() < 1e-4);
    }
}

use burn::prelude::*;
use schedules::NoiseLevel;

use crate::{Denoiser, DiffusionError, Prediction};

/// The gradient of a noisy classifier.
pub trait LogProbability {
    /// `d log p(y | x) / dx` of the wanted classes, for images whose noise is as `level` says.
    ///
    /// # Shapes
    ///
    /// - x, result: `[B, C, H, W]`
    ///
    /// # Errors
    ///
    /// If the classifier cannot answer at this level.
    fn gradient(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Tensor<4>, DiffusionError>;
}

/// Classifier guidance (Dhariwal & Nichol 2021, algorithm 2): `eps' = eps - scale sigma d log p(y | x) / dx`.
pub struct ClassifierGuided<D, C> {
    /// What is guided.
    pub inner: D,
    /// What guides.
    pub classifier: C,
    /// Guidance scale; 0 is off.
    pub scale: f64,
}

impl<D: Denoiser, C: LogProbability> Denoiser for ClassifierGuided<D, C> {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        let Prediction { x0, eps, variance } = self.inner.denoise(x.clone(), level)?;
        if level.alpha < 1e-6 {
            return Ok(Prediction { x0, eps, variance });
        }
        let push = self.classifier.gradient(x, level)? * (self.scale * level.sigma);
        let x0 = x0 + push.clone() * (level.sigma / level.alpha);
        Ok(Prediction { x0, eps: eps - push, variance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Data N(0, 1) and a classifier whose posterior is N(1, 1/2): the product is Gaussian again, with a known denoiser.
    struct Prior;
    impl Denoiser for Prior {
        fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
            let x0 = x.clone() * (level.alpha / (level.alpha.powi(2) + level.sigma.powi(2)));
            Ok(Prediction::from_x0(x0, x, level))
        }
    }

    /// `p(y | x0) = exp(-(x0 - 2)^2 / 2)`, seen through the noise of unit-variance levels.
    struct Likelihood;
    impl LogProbability for Likelihood {
        fn gradient(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Tensor<4>, DiffusionError> {
            // x0 | x is N(alpha x, sigma^2), so that y = 2 | x has variance 1 + sigma^2 around alpha x.
            Ok((x * -level.alpha + 2.0) * (level.alpha / (1.0 + level.sigma.powi(2))))
        }
    }

    #[test]
    fn guidance_by_the_true_classifier_is_the_posterior_mean() {
        let guided = ClassifierGuided { inner: Prior, classifier: Likelihood, scale: 1.0 };
        let level = NoiseLevel { alpha: 0.6, sigma: 0.8 };
        let x = Tensor::<4>::from_data([[[[0.7]]]], &Device::flex());
        let ours = guided.denoise(x, level).unwrap().x0.into_scalar::<f64>();
        // Precisions add: 1 of the prior, 1 of the classifier around 2, (alpha/sigma)^2 of the picture.
        let snr = level.snr();
        let exact = (2.0 + snr * 0.7 / 0.6) / (2.0 + snr);
        assert!((ours - exact).abs() < 1e-6, "{ours} is not {exact}");
    }
}

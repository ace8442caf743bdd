use burn::prelude::*;
use schedules::NoiseLevel;
use serde::{Deserialize, Serialize};

use crate::{DiffusionError, Levels};

/// What the network's output means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameterization {
    /// The noise (Ho et al. 2020).
    #[default]
    Eps,
    /// The clean image.
    X0,
    /// `alpha eps - sigma x0` (Salimans & Ho 2022, appendix D).
    V,
}

impl Parameterization {
    /// What the network should have answered.
    ///
    /// # Shapes
    ///
    /// - x0, eps: `[B, C, H, W]`
    /// - output: `[B, C, H, W]`
    pub fn target(self, x0: Tensor<4>, eps: Tensor<4>, levels: &Levels) -> Tensor<4> {
        match self {
            Self::Eps => eps,
            Self::X0 => x0,
            Self::V => eps * levels.alpha.clone() - x0 * levels.sigma.clone(),
        }
    }

    /// The clean image that the network's output stands for.
    ///
    /// # Shapes
    ///
    /// - output, x: `[B, C, H, W]`, all at one level
    /// - result: `[B, C, H, W]`
    ///
    /// # Errors
    ///
    /// [`DiffusionError::NoSignal`] for noise prediction where alpha vanishes.
    pub fn x0(self, output: Tensor<4>, x: Tensor<4>, level: NoiseLevel) -> Result<Tensor<4>, DiffusionError> {
        let NoiseLevel { alpha, sigma } = level;
        match self {
            Self::Eps if alpha < 1e-6 => Err(DiffusionError::NoSignal { alpha }),
            Self::Eps => Ok((x - output * sigma) / alpha),
            Self::X0 => Ok(output),
            Self::V => Ok(x * alpha - output * sigma),
        }
    }

    /// The squared error of x0 per unit of squared error of the output.
    pub fn x0_error(self, level: NoiseLevel) -> f64 {
        match self {
            Self::Eps => 1.0 / level.snr(),
            Self::X0 => 1.0,
            Self::V => level.sigma.powi(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Tolerance;

    fn image(values: [f32; 4]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, 1, 2, 2]), &Device::flex())
    }

    #[test]
    fn target_and_x0_are_inverse() {
        let (x0, eps) = (image([-1.0, 0.2, 0.5, 1.0]), image([0.3, -2.0, 1.0, 0.1]));
        for bar in [0.01, 0.5, 0.999] {
            let level = NoiseLevel::from_alpha_cumprod(bar);
            let levels = Levels::new(&[level], &Device::flex());
            let x = crate::q_sample(x0.clone(), eps.clone(), &levels);
            for choice in [Parameterization::Eps, Parameterization::X0, Parameterization::V] {
                let output = choice.target(x0.clone(), eps.clone(), &levels);
                let back = choice.x0(output, x.clone(), level).unwrap();
                back.into_data().assert_approx_eq::<f32>(&x0.to_data(), Tolerance::absolute(1e-4));
            }
        }
    }

    /// A unit error of the output must move x0 by the stated amount.
    #[test]
    fn x0_error_is_the_derivative_squared() {
        let level = NoiseLevel::from_alpha_cumprod(0.3);
        for choice in [Parameterization::Eps, Parameterization::X0, Parameterization::V] {
            let at = |value: f32| {
                let x0 = choice.x0(image([value; 4]), image([0.0; 4]), level).unwrap();
                x0.mean().into_scalar::<f64>()
            };
            let slope = at(1.0) - at(0.0);
            assert!((slope.powi(2) - choice.x0_error(level)).abs() < 1e-5, "{choice:?}");
        }
    }

    #[test]
    fn noise_prediction_without_signal_is_refused() {
        let level = NoiseLevel { alpha: 0.0, sigma: 1.0 };
        assert!(Parameterization::Eps.x0(image([0.0; 4]), image([0.0; 4]), level).is_err());
        assert!(Parameterization::V.x0(image([0.0; 4]), image([0.0; 4]), level).is_ok());
    }
}

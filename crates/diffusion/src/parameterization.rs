use burn::prelude::*;
use schedules::NoiseLevel;
use serde::{Deserialize, Serialize};

use crate::{DiffusionError, Levels, Prediction};

/// What the network's output means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameterization {
    /// The noise (Ho et al. 2020).
    #[default]
    Eps,
    /// The clean image.
    X0,
    /// `alpha eps - sigma x0` (Salimans & Ho 2022, appendix D).
    V,
    /// The velocity `eps - x0` of the straight path (Lipman et al. 2022; Liu et al. 2022).
    Flow,
    /// `(x0 - c_skip x) / c_out` of an image `x = x0 + sigma eps` (Karras et al. 2022, table 1).
    Edm {
        /// Standard deviation of the data.
        sigma_data: f64,
    },
}

impl Parameterization {
    /// The factor of the network's input and the level that the scaled image has, for an image at `level`.
    ///
    /// A network knows one coordinate only: unit variance for noise, clean image and v, `alpha + sigma = 1` for the
    /// velocity, the data's own deviation for EDM. Samplers may walk in any.
    pub fn input(self, level: NoiseLevel) -> (f64, NoiseLevel) {
        let norm = match self {
            Self::Eps | Self::X0 | Self::V => level.alpha.hypot(level.sigma),
            Self::Flow => level.alpha + level.sigma,
            Self::Edm { sigma_data } => (level.alpha * sigma_data).hypot(level.sigma),
        };
        // Levels of the network's own chain stay as they are, to the last bit.
        if (norm - 1.0).abs() < 1e-12 { (1.0, level) } else { (1.0 / norm, level.scaled(1.0 / norm)) }
    }

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
            Self::Flow => eps - x0,
            Self::Edm { sigma_data } => {
                // v of the picture whose data have unit variance.
                let (signal, noise) = (levels.alpha.clone() * sigma_data, levels.sigma.clone());
                let norm = (signal.clone().square() + noise.clone().square()).sqrt();
                (x0 * noise / sigma_data - eps * signal) / norm
            }
        }
    }

    /// What the network's output says about its input `x`, which is at a level of the network's own coordinate
    /// ([`Parameterization::input`]).
    ///
    /// # Shapes
    ///
    /// - output, x: `[B, C, H, W]`, all at one level
    /// - result: `[B, C, H, W]` each
    ///
    /// # Errors
    ///
    /// [`DiffusionError::NoSignal`] for noise prediction where alpha vanishes.
    pub fn prediction(
        self,
        output: Tensor<4>,
        x: Tensor<4>,
        level: NoiseLevel,
    ) -> Result<Prediction, DiffusionError> {
        let NoiseLevel { alpha, sigma } = level;
        let (x0, eps) = match self {
            Self::Eps if alpha < 1e-6 => return Err(DiffusionError::NoSignal { alpha }),
            Self::Eps => ((x - output.clone() * sigma) / alpha, output),
            Self::X0 => return Ok(Prediction::from_x0(output, x, level)),
            Self::V => (x.clone() * alpha - output.clone() * sigma, x * sigma + output * alpha),
            Self::Flow => (x.clone() - output.clone() * sigma, x + output * alpha),
            Self::Edm { sigma_data } => {
                let signal = alpha * sigma_data;
                let x0 = (x.clone() * signal + output.clone() * sigma) * sigma_data;
                (x0, x * sigma - output * signal)
            }
        };
        Ok(Prediction { x0, eps, variance: None })
    }

    /// The factors of the network's input and of its output in the clean image, at a level of the network's own
    /// coordinate.
    pub fn x0_factors(self, level: NoiseLevel) -> (f64, f64) {
        let NoiseLevel { alpha, sigma } = level;
        match self {
            Self::Eps => (1.0 / alpha, -sigma / alpha),
            Self::X0 => (0.0, 1.0),
            Self::V => (alpha, -sigma),
            Self::Flow => (1.0, -sigma),
            Self::Edm { sigma_data } => (alpha * sigma_data.powi(2), sigma * sigma_data),
        }
    }

    /// The squared error of x0 per unit of squared error of the output.
    pub fn x0_error(self, level: NoiseLevel) -> f64 {
        let (_, level) = self.input(level);
        self.x0_factors(level).1.powi(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Tolerance;
    use schedules::Weighting;

    const ALL: [Parameterization; 5] = [
        Parameterization::Eps,
        Parameterization::X0,
        Parameterization::V,
        Parameterization::Flow,
        Parameterization::Edm { sigma_data: 0.5 },
    ];

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
            for choice in ALL {
                let output = choice.target(x0.clone(), eps.clone(), &levels);
                let (scale, native) = choice.input(level);
                let back = choice.prediction(output, x.clone() * scale, native).unwrap();
                back.x0.into_data().assert_approx_eq::<f32>(&x0.to_data(), Tolerance::absolute(1e-4));
                back.eps.into_data().assert_approx_eq::<f32>(&eps.to_data(), Tolerance::absolute(1e-4));
            }
        }
    }

    /// A unit error of the output must move x0 by the stated amount.
    #[test]
    fn x0_error_is_the_derivative_squared() {
        let level = NoiseLevel::from_alpha_cumprod(0.3);
        for choice in ALL {
            let (_, native) = choice.input(level);
            let at = |value: f32| {
                let answer = choice.prediction(image([value; 4]), image([0.0; 4]), native).unwrap();
                answer.x0.mean().into_scalar::<f64>()
            };
            let slope = at(1.0) - at(0.0);
            assert!((slope.powi(2) - choice.x0_error(level)).abs() < 1e-5, "{choice:?}");
        }
    }

    /// Karras et al. 2022, table 1: preconditioning, and the weight that makes every level's loss that of the network.
    #[test]
    fn edm_has_the_coefficients_of_the_table() {
        let (sigma_data, f) = (0.7f64, image([0.3, -2.0, 1.0, 0.1]));
        let x = image([-1.0, 0.2, 0.5, 1.0]);
        for sigma in [0.002, 0.5, 3.0, 80.0f64] {
            let norm = (sigma.powi(2) + sigma_data.powi(2)).sqrt();
            let (c_skip, c_out) = ((sigma_data / norm).powi(2), sigma * sigma_data / norm);
            let (c_in, c_noise) = (1.0 / norm, sigma.ln() / 4.0);
            let net = |input: Tensor<4>, told: f64| {
                assert!((told - c_noise).abs() < 1e-12);
                input
                    .into_data()
                    .assert_approx_eq::<f32>(&(x.clone() * c_in).into_data(), Tolerance::relative(1e-5));
                f.clone()
            };
            let edm = schedules::Edm::default();
            let timestep = |level| edm.timestep(level);
            let parameterization = Parameterization::Edm { sigma_data };
            let denoiser = crate::NetworkDenoiser { net, timestep, parameterization, variance: None };
            let level = NoiseLevel { alpha: 1.0, sigma };
            let d = crate::Denoiser::denoise(&denoiser, x.clone(), level).unwrap().x0;
            let table = x.clone() * c_skip + f.clone() * c_out;
            d.into_data().assert_approx_eq::<f32>(&table.into_data(), Tolerance::absolute(1e-5));
            let weight = Weighting::Uniform.of(level, parameterization.x0_error(level));
            let of_x0 = weight / parameterization.x0_error(level);
            assert!((of_x0 * c_out.powi(2) - 1.0).abs() < 1e-9, "lambda(sigma) = 1 / c_out^2");
        }
    }

    #[test]
    fn noise_prediction_without_signal_is_refused() {
        let level = NoiseLevel { alpha: 0.0, sigma: 1.0 };
        assert!(Parameterization::Eps.prediction(image([0.0; 4]), image([0.0; 4]), level).is_err());
        assert!(Parameterization::V.prediction(image([0.0; 4]), image([0.0; 4]), level).is_ok());
    }
}

use burn::prelude::*;
use schedules::{NoiseLevel, Posterior, Schedule};
use serde::{Deserialize, Serialize};

use crate::Kernel;

/// How the network's first output moves the mean of a reverse step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeanForm {
    /// `(x - z) (1 - S) + z`, S being the learned variance (Sohl-Dickstein et al. 2015, eq. 65).
    Paper,
    /// `sqrt(1 - beta) x + sqrt(beta) z`, as in the code released with the paper: z is of the order of one at every step.
    #[default]
    Released,
}

/// Some steps t of a Gaussian chain, `q(x^t | x^{t-1}) = N(sqrt(1 - beta) x^{t-1}, beta I)`: what they multiply by.
///
/// Every tensor is `[G, 1, 1]`, one number for each of G steps.
#[derive(Clone, Debug)]
pub struct GaussianSteps {
    /// beta of step t.
    pub beta: Tensor<3>,
    /// Factor of `x^0` in `x^t`.
    pub alpha: Tensor<3>,
    /// Variance of `x^t` given `x^0`.
    pub variance: Tensor<3>,
    /// Factor of `x^0` in the mean of `x^{t-1}` given `x^t` and `x^0`.
    pub x0_coefficient: Tensor<3>,
    /// Factor of `x^t` there.
    pub x_coefficient: Tensor<3>,
    /// The variance there.
    pub posterior_variance: Tensor<3>,
}

impl GaussianSteps {
    /// Steps `steps`, each in `1..=T`, of a schedule, whose timesteps are `0..T`; computed in `f64`.
    pub fn new(schedule: &Schedule, steps: &[usize], device: &Device) -> Self {
        let level = |t: usize| if t == 0 { NoiseLevel::CLEAN } else { schedule.level(t - 1) };
        let posterior = |t: usize| Posterior::between(level(t), level(t - 1));
        let column = |value: &dyn Fn(usize) -> f64| {
            let values: Vec<f32> = steps.iter().map(|&t| value(t) as f32).collect();
            Tensor::<3>::from_data(TensorData::new(values, [steps.len(), 1, 1]), device)
        };
        Self {
            beta: column(&|t| schedule.betas()[t - 1]),
            alpha: column(&|t| level(t).alpha),
            variance: column(&|t| level(t).sigma.powi(2)),
            x0_coefficient: column(&|t| posterior(t).x0_coefficient),
            x_coefficient: column(&|t| posterior(t).x_coefficient),
            posterior_variance: column(&|t| posterior(t).variance),
        }
    }

    /// `q(x^t | x^0)`.
    pub fn marginal(&self, x0: Tensor<3>) -> Kernel {
        Kernel::Gaussian { mean: x0 * self.alpha.clone(), variance: self.variance.clone() }
    }

    /// `q(x^{t-1} | x^t, x^0)`.
    pub fn posterior(&self, x0: Tensor<3>, x: Tensor<3>) -> Kernel {
        let mean = x0 * self.x0_coefficient.clone() + x * self.x_coefficient.clone();
        Kernel::Gaussian { mean, variance: self.posterior_variance.clone() }
    }

    /// `p(x^{t-1} | x^t)` of a network that answers `z` `[G, N, 2 D]`: first what moves the mean, then what scales
    /// the variance, `sigmoid(z + logit beta)` (eq. 66 of the paper).
    pub fn reverse(&self, form: MeanForm, z: Tensor<3>, x: Tensor<3>) -> Kernel {
        let values = x.dims()[2];
        let (shift, scale) = (z.clone().narrow(2, 0, values), z.narrow(2, values, values));
        let logit = self.beta.clone().log() - (-self.beta.clone()).log1p();
        let variance = burn::tensor::activation::sigmoid(scale + logit);
        let mean = match form {
            MeanForm::Paper => (x - shift.clone()) * (-variance.clone() + 1.0) + shift,
            MeanForm::Released => self.forward_mean(x) + self.beta.clone().sqrt() * shift,
        };
        Kernel::Gaussian { mean, variance }
    }

    /// The forward kernel as a reverse one, which the first step is: `N(sqrt(1 - beta) x^t, beta I)`.
    pub fn unlearned(&self, x: Tensor<3>) -> Kernel {
        Kernel::Gaussian { mean: self.forward_mean(x), variance: self.beta.clone() }
    }

    fn forward_mean(&self, x: Tensor<3>) -> Tensor<3> {
        x * (-self.beta.clone() + 1.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schedules::ScheduleConfig;

    /// Eqs. 65 and 66 of the paper, and the released code's mean, by hand at beta = 0.2.
    #[test]
    fn both_forms_of_the_mean_are_those_published() {
        let schedule = ScheduleConfig::Explicit { betas: vec![0.1, 0.2] }.build(2).unwrap();
        let device = Device::flex();
        let steps = GaussianSteps::new(&schedule, &[2], &device);
        let (x, shift, scale) = (1.5, -0.4, 0.7);
        let reverse = |form: MeanForm| {
            let z = Tensor::<3>::from_data([[[shift, scale]]], &device);
            let kernel = steps.reverse(form, z, Tensor::<3>::from_data([[[x]]], &device));
            let Kernel::Gaussian { mean, variance } = kernel else { unreachable!("the chain is Gaussian") };
            [mean, variance].map(|value| value.into_scalar::<f64>())
        };
        let variance = 1.0 / (1.0 + (-scale - (0.2f64 / 0.8).ln()).exp());
        let paper = [(x - shift) * (1.0 - variance) + shift, variance];
        let released = [0.8f64.sqrt() * x + 0.2f64.sqrt() * shift, variance];
        for (form, expected) in [(MeanForm::Paper, paper), (MeanForm::Released, released)] {
            for (found, expected) in reverse(form).into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{form:?}: {found} is not {expected}");
            }
        }
    }
}

use burn::module::Param;
use burn::prelude::*;
use schedules::Schedule;

use crate::GaussianSteps;

/// The betas of a Gaussian chain as parameters, but for the first, which is kept so that the model cannot fit single
/// points (Sohl-Dickstein et al. 2015, section 2.4.1). Noise is drawn independently of them, so that the bound can be
/// differentiated.
#[derive(Module, Debug)]
pub struct LearnedBetas {
    /// `logit beta_t` of the steps 2..=T, `[T - 1]`.
    logits: Param<Tensor<1>>,
    first: f64,
}

/// Keeps the last steps from erasing the signal to the last bit, where the posterior has no f32 value.
const MAX_BETA: f64 = 0.999;

impl LearnedBetas {
    /// Begins with those of a schedule.
    pub fn new(schedule: &Schedule, device: &Device) -> Self {
        let logit = |&beta: &f64| {
            let share = (beta / MAX_BETA).min(0.9999);
            (share / (1.0 - share)).ln() as f32
        };
        let logits: Vec<f32> = schedule.betas()[1..].iter().map(logit).collect();
        let count = logits.len();
        let logits = Param::from_tensor(Tensor::from_data(TensorData::new(logits, [count]), device));
        Self { logits, first: schedule.betas()[0] }
    }

    /// What is learnt.
    #[cfg(test)]
    pub(crate) fn logits(&self) -> Tensor<1> {
        self.logits.val()
    }

    /// All betas, `[T]`.
    pub fn betas(&self) -> Tensor<1> {
        let logits = self.logits.val();
        let first = Tensor::<1>::full([1], self.first, &logits.device());
        Tensor::cat(vec![first, burn::tensor::activation::sigmoid(logits) * MAX_BETA], 0)
    }

    /// The steps `steps` of the chain, each in `1..=T`.
    pub fn steps(&self, steps: &[usize]) -> GaussianSteps {
        let beta = self.betas();
        let device = beta.device();
        let (length, start) = (beta.dims()[0], |value: f64| Tensor::<1>::full([1], value, &device));
        let alpha_bar = (-beta.clone()).log1p().cumsum(0).exp();
        // 1 - alpha_bar as a sum of what the steps add: no digits are lost where it is small.
        let variance = (beta.clone() / alpha_bar.clone()).cumsum(0) * alpha_bar.clone();
        let before = |first: f64, x: &Tensor<1>| {
            Tensor::cat(vec![start(first), x.clone().narrow(0, 0, length - 1)], 0)
        };
        let (alpha_bar_before, variance_before) = (before(1.0, &alpha_bar), before(0.0, &variance));
        let indices: Vec<i64> = steps.iter().map(|&t| t as i64 - 1).collect();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [steps.len()]), &device);
        let column = |x: Tensor<1>| x.select(0, indices.clone()).reshape([steps.len(), 1, 1]);
        let keep = (-beta.clone() + 1.0).sqrt();
        GaussianSteps {
            alpha: column(alpha_bar.sqrt()),
            x0_coefficient: column(alpha_bar_before.sqrt() * beta.clone() / variance.clone()),
            x_coefficient: column(keep * variance_before.clone() / variance.clone()),
            posterior_variance: column(variance_before * beta.clone() / variance.clone()),
            variance: column(variance),
            beta: column(beta),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Tolerance;
    use schedules::ScheduleConfig;

    /// The same numbers by f32 tensors as by f64 tables.
    #[test]
    fn they_begin_as_the_schedule() {
        let device = Device::flex();
        let config = ScheduleConfig::Linear { beta_start: 1e-6, beta_end: 0.4, rescale: false };
        let schedule = config.build(40).unwrap();
        let steps = [2, 3, 20, 40];
        let learned = LearnedBetas::new(&schedule, &device).steps(&steps);
        let fixed = GaussianSteps::new(&schedule, &steps, &device);
        let pairs = [
            (learned.beta, fixed.beta),
            (learned.alpha, fixed.alpha),
            (learned.variance, fixed.variance),
            (learned.x0_coefficient, fixed.x0_coefficient),
            (learned.x_coefficient, fixed.x_coefficient),
            (learned.posterior_variance, fixed.posterior_variance),
        ];
        for (learned, fixed) in pairs {
            learned.into_data().assert_approx_eq::<f32>(&fixed.into_data(), Tolerance::relative(1e-4));
        }
    }
}

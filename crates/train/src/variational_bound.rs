use std::f64::consts::{FRAC_2_PI, LN_2};

use burn::prelude::*;
use schedules::{NoiseLevel, Posterior, Schedule};

use crate::{Batch, Objective};

/// Half the distance between two of the 256 values of a pixel in `[-1, 1]`.
const HALF_BIN: f64 = 1.0 / 255.0;

/// One term of the variational bound for each image, in bits/dim, `[B]`: `L_{t-1}` (Ho et al. 2020, eq. 5), or the
/// likelihood of the pixels `L_0` (eq. 13) at timestep 0.
///
/// `variance` is `2 v - 1`, where the logarithm of the variance is `v log beta + (1 - v) log beta_tilde` (Nichol &
/// Dhariwal 2021, eq. 15). `output` is what the parameterization says; pass it detached to learn the variance only.
///
/// # Shapes
///
/// - output, variance, x: `[B, C, H, W]`
pub(crate) fn variance_bound(
    objective: &Objective,
    table: &BoundTable,
    output: Tensor<4>,
    variance: Tensor<4>,
    x: Tensor<4>,
    batch: &Batch,
) -> Tensor<1> {
    let device = x.device();
    let timesteps = batch.timesteps.iter();
    let of = |value: fn(&BoundStep) -> f64| column(timesteps.clone().map(|&t| value(&table.0[t])), &device);
    let factors =
        timesteps.clone().map(|&t| objective.parameterization.x0_factors(objective.schedule.level(t)));
    let (from_x, from_output) = (
        column(factors.clone().map(|(x, _)| x), &device),
        column(factors.map(|(_, output)| output), &device),
    );
    let x0 = x.clone() * from_x + output * from_output;
    let share = (variance + 1.0) * 0.5;
    let (low, high) = (of(|step| step.beta_tilde.ln()), of(|step| step.beta.ln()));
    let log_variance = share.clone() * high + (-share + 1.0) * low.clone();

    let x0_coefficient = of(|step| step.x0_coefficient);
    let error = (batch.x0.clone() - x0.clone()) * x0_coefficient.clone();
    let kl = divergence(error, low, log_variance.clone());
    let mean = x0 * x0_coefficient + x * of(|step| step.x_coefficient);
    let nll = pixel_nll(batch.x0.clone(), mean, log_variance);
    let first = column(timesteps.map(|&t| f64::from(u8::from(t == 0))), &device);
    let term = nll * first.clone() + kl * (-first + 1.0);
    let [images, channels, height, width] = term.dims();
    term.reshape([images, channels * height * width]).mean_dim(1).reshape([images]) / LN_2
}

/// The reverse steps of a chain, as the variational bound needs them: entry `t` leads to timestep `t - 1`.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundTable(pub Vec<BoundStep>);

/// One reverse step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundStep {
    /// Factor of the clean image in the posterior's mean.
    pub x0_coefficient: f64,
    /// Factor of the noisier image in the posterior's mean.
    pub x_coefficient: f64,
    /// The largest variance that can be learnt, `beta`.
    pub beta: f64,
    /// The smallest: the posterior's variance; at timestep 0, where that vanishes, of the step before.
    pub beta_tilde: f64,
}

impl BoundTable {
    /// That of a chain.
    pub fn new(schedule: &Schedule) -> Self {
        let last = schedule.num_train_timesteps() - 1;
        let posterior = |t: usize| {
            let to = if t == 0 { NoiseLevel::CLEAN } else { schedule.level(t - 1) };
            Posterior::between(schedule.level(t), to)
        };
        let step = |t: usize| {
            let Posterior { x0_coefficient, x_coefficient, .. } = posterior(t);
            let beta_tilde = posterior(t.clamp(1.min(last), last)).variance;
            BoundStep { x0_coefficient, x_coefficient, beta: schedule.betas()[t], beta_tilde }
        };
        Self((0..=last).map(step).collect())
    }
}

fn column(values: impl ExactSizeIterator<Item = f64>, device: &Device) -> Tensor<4> {
    let shape = [values.len(), 1, 1, 1];
    let values: Vec<f32> = values.map(|value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// `KL(N(m, e^a) || N(m + error, e^b))` of each value, in nats.
fn divergence(error: Tensor<4>, a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    let ratio = a - b.clone();
    (ratio.clone().exp() - ratio + error.square() * (-b).exp() - 1.0) * 0.5
}

/// `-ln P(x0)` of each 8-bit pixel, where its bin's probability is a Gaussian's (Ho et al. 2020, eq. 13), in nats.
fn pixel_nll(x0: Tensor<4>, mean: Tensor<4>, log_variance: Tensor<4>) -> Tensor<4> {
    let precision = (log_variance * -0.5).exp();
    let centred = x0.clone() - mean;
    let upper = normal_cdf((centred.clone() + HALF_BIN) * precision.clone());
    let lower = normal_cdf((centred - HALF_BIN) * precision);
    // The outermost bins reach to infinity.
    let upper = upper.mask_fill(x0.clone().greater_scalar(1.0 - HALF_BIN), 1.0);
    let lower = lower.mask_fill(x0.lower_scalar(HALF_BIN - 1.0), 0.0);
    -(upper - lower).clamp_min(1e-12).log()
}

/// Page's approximation (1977, Applied Statistics 26, 75-76), within 2e-4: that of the published implementation, so that
/// figures can be compared.
fn normal_cdf(x: Tensor<4>) -> Tensor<4> {
    let cubic = x.clone().powi_scalar(3) * 0.044715 + x;
    ((cubic * FRAC_2_PI.sqrt()).tanh() + 1.0) * 0.5
}

#[cfg(test)]
mod tests {
    use super::*;
    use schedules::ScheduleConfig;

    fn image(values: &[f32]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len(), 1, 1, 1]), &Device::flex())
    }

    fn values(x: Tensor<4>) -> Vec<f64> {
        x.try_into_vec_as::<f64>().unwrap()
    }

    /// Nothing to learn where the two distributions are one; else the textbook's formula.
    #[test]
    fn divergence_of_two_gaussians() {
        assert_eq!(values(divergence(image(&[0.0]), image(&[-3.0]), image(&[-3.0]))), [0.0]);
        let (error, a, b) = (0.3_f64, 0.5_f64, 2.0_f64);
        let expected = (b / a).ln() / 2.0 + (a + error * error) / (2.0 * b) - 0.5;
        let ours = divergence(image(&[0.3]), image(&[a.ln() as f32]), image(&[b.ln() as f32]));
        assert!((values(ours)[0] - expected).abs() < 1e-6);
    }

    /// The 256 bins share out all of the probability.
    #[test]
    fn the_probabilities_of_a_pixel_add_up_to_one() {
        for (mean, deviation) in [(0.1, 0.02), (-1.0, 0.5), (0.97, 2.0)] {
            let pixels: Vec<f32> = (0..256).map(|pixel| pixel as f32 / 127.5 - 1.0).collect();
            let like = |value: f64| image(&[value as f32; 256]);
            let nll = pixel_nll(image(&pixels), like(mean), like(2.0 * f64::ln(deviation)));
            let sum: f64 = values(nll).iter().map(|nll| (-nll).exp()).sum();
            assert!((sum - 1.0).abs() < 1e-4, "{sum} at {mean}, {deviation}");
        }
    }

    #[test]
    fn the_variance_lies_between_the_posteriors_and_beta() {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        let BoundTable(steps) = BoundTable::new(&schedule);
        assert!(steps[1..].iter().all(|step| 0.0 < step.beta_tilde && step.beta_tilde < step.beta));
        assert_eq!(steps[0].beta_tilde, steps[1].beta_tilde);
        assert_eq!((steps[0].x0_coefficient, steps[0].x_coefficient), (1.0, 0.0));
    }
}

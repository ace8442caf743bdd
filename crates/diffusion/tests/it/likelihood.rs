//! Likelihoods against Gaussian data, of which everything is known.
//!
//! Where the data and the noise are the corners of a square, each the deviation away from the mean, all squares and
//! products have their expectations exactly: what is compared has no sampling error.

use std::f64::consts::{E, LN_2, TAU};
use std::ops::ControlFlow;

use burn::prelude::*;
use burn::tensor::DType;
use diffusion::likelihood::{BoundTally, ProbabilityFlow, Support, VariationalBound};
use diffusion::{Denoiser, DiffusionError, LearnedVariance, Prediction};
use random::Seed;
use schedules::{
    Curve, FinalSigma, FixedVariance, NoiseLevel, Posterior, ReverseChain, Schedule, ScheduleConfig, Spacing,
};

/// The exact model of data distributed as `N(mean, std^2)`.
#[derive(Clone)]
struct Gaussian {
    mean: f64,
    std: f64,
    /// Where it steps to from each level, if it knows the exact variance of that.
    levels: Vec<NoiseLevel>,
}

impl Gaussian {
    fn variance(&self, level: NoiseLevel) -> f64 {
        (level.alpha * self.std).powi(2) + level.sigma.powi(2)
    }

    /// Of the clean image, given a noisy one.
    fn clean_variance(&self, level: NoiseLevel) -> f64 {
        (self.std * level.sigma).powi(2) / self.variance(level)
    }

    /// Of the image at the next level down, given one at `from`.
    fn reverse_variance(&self, from: NoiseLevel) -> Option<f64> {
        let at = self.levels.iter().position(|&level| level == from)?;
        let posterior = Posterior::between(from, self.levels[at + 1]);
        Some(posterior.variance + posterior.x0_coefficient.powi(2) * self.clean_variance(from))
    }
}

impl Denoiser for Gaussian {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        let gain = level.alpha * self.std.powi(2) / self.variance(level);
        let x0 = (x.clone() - level.alpha * self.mean) * gain + self.mean;
        let variance =
            self.reverse_variance(level).map(|variance| LearnedVariance::Direct(x.full_like(variance)));
        Ok(Prediction { variance, ..Prediction::from_x0(x0, x, level) })
    }
}

fn tensor(values: Vec<f64>, shape: [usize; 4]) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F64))
}

fn corners(mean: f64, std: f64) -> Tensor<4> {
    tensor([1.0, 1.0, -1.0, -1.0].map(|sign| mean + sign * std).to_vec(), [1, 1, 2, 2])
}

fn noise() -> Tensor<4> {
    tensor(vec![1.0, -1.0, 1.0, -1.0], [1, 1, 2, 2])
}

fn chain() -> Schedule {
    ScheduleConfig::default().build(1000).unwrap()
}

fn levels(steps: usize) -> Vec<NoiseLevel> {
    Spacing::Trailing.levels(&Curve::Chain(chain()), steps, FinalSigma::Zero).unwrap()
}

/// The whole bound of a Gaussian in bits/dim.
fn bound(data: &Gaussian, levels: &[NoiseLevel], variance: FixedVariance) -> BoundTally {
    let bound = VariationalBound::new(levels, variance, Support::Continuous).unwrap();
    let x0 = corners(data.mean, data.std);
    BoundTally::of(&bound.evaluate(data, x0, &mut noise, &mut |_| ControlFlow::Continue(())).unwrap())
}

fn close(ours: f64, exact: f64, tolerance: f64) {
    assert!((ours - exact).abs() < tolerance, "{ours} is not {exact}");
}

/// The identity: with the variance `beta`, which is exact for it, a standard normal costs its entropy.
#[test]
fn a_standard_normal_costs_its_entropy() {
    struct Standard;
    impl Denoiser for Standard {
        fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
            let variance = Some(LearnedVariance::Range(x.ones_like()));
            Ok(Prediction { variance, ..Prediction::from_x0(x.clone() * level.alpha, x, level) })
        }
    }
    for steps in [1000, 50, 7] {
        let bound = VariationalBound::new(&levels(steps), FixedVariance::Small, Support::Continuous).unwrap();
        let x0 = corners(0.0, 1.0);
        let ours = bound.evaluate(&Standard, x0, &mut noise, &mut |_| ControlFlow::Continue(())).unwrap();
        close(ours.totals()[0], (TAU * E).log2() / 2.0, 1e-9);
    }
}

/// With the exact reverse steps only the prior's mismatch remains of the bound's gap.
#[test]
fn exact_reverse_steps_close_the_bound() {
    for steps in [1000, 10] {
        let levels = levels(steps);
        let data = Gaussian { mean: 0.3, std: 0.5, levels: levels.clone() };
        let (mean, variance) = (levels[0].alpha * data.mean, data.variance(levels[0]));
        let mismatch = (mean * mean + variance - 1.0 - variance.ln()) / 2.0 / LN_2;
        let entropy = (TAU * E * data.std.powi(2)).log2() / 2.0;
        let ours = bound(&data, &levels, FixedVariance::Small);
        close(ours.total().mean, entropy + mismatch, 1e-9);
        close(ours.prior() + ours.rate() + ours.distortion(), ours.total().mean, 1e-12);
    }
}

/// Term by term, with the variances of DDPM.
#[test]
fn fixed_variances_have_their_closed_form() {
    let levels = levels(1000);
    let data = Gaussian { mean: 0.3, std: 0.5, levels: Vec::new() };
    let rising: Vec<NoiseLevel> = levels[..1000].iter().rev().copied().collect();
    let ReverseChain(steps) = ReverseChain::new(&rising).unwrap();
    for choice in [FixedVariance::Small, FixedVariance::Large] {
        let terms = bound(&data, &levels, choice).terms();
        for (t, (ours, step)) in terms.iter().zip(&steps).enumerate() {
            let beta_tilde = step.beta_tilde;
            let variance = if choice == FixedVariance::Large && t > 0 { step.beta } else { beta_tilde };
            let error = step.x0_coefficient.powi(2) * data.clean_variance(rising[t]) / variance;
            let ratio = beta_tilde / variance;
            let nats = match t {
                0 => ((TAU * variance).ln() + error) / 2.0,
                _ => (ratio - ratio.ln() - 1.0 + error) / 2.0,
            };
            close(*ours, nats / LN_2, 1e-9);
        }
    }
}

#[test]
fn a_sane_chain_ends_without_information() {
    let prior = |config: ScheduleConfig, length: usize| {
        let curve = config.curve(length).unwrap();
        let levels = Spacing::Trailing.levels(&curve, length, FinalSigma::Zero).unwrap();
        let bound = VariationalBound::new(&levels, FixedVariance::Small, Support::Pixels).unwrap();
        bound.prior(corners(0.0, 1.0)).into_scalar::<f64>()
    };
    let linear = ScheduleConfig::default();
    assert!(prior(linear.clone(), 1000) < 1e-4);
    assert!(prior(ScheduleConfig::Cosine { s: 0.008, max_beta: 0.999 }, 4000) < 1e-4);
    assert!(prior(linear, 100) > 0.1, "betas of 1000 timesteps are too small for 100");
}

/// Pixels of a Gaussian cost their share of its density, up to the bins' width.
#[test]
fn pixels_cost_their_probability() {
    let levels = levels(50);
    let data = Gaussian { mean: 0.0, std: 0.2, levels: levels.clone() };
    let shape = [4, 1, 16, 16];
    let draw = |index: u64| Seed(1).stream("test", index).normal(shape.iter().product());
    let pixels: Vec<f64> =
        draw(0).iter().map(|z| ((0.2 * f64::from(*z) + 1.0) * 127.5).round() / 127.5 - 1.0).collect();
    let of = |x: f64| ((TAU * 0.04).ln() + x * x / 0.04) / 2.0 / LN_2 + 127.5f64.log2();
    let exact = pixels.iter().map(|&x| of(x)).sum::<f64>() / pixels.len() as f64;
    let bound = VariationalBound::new(&levels, FixedVariance::Small, Support::Pixels).unwrap();
    let mut index = 0;
    let mut noise = || {
        index += 1;
        tensor(draw(index).into_iter().map(f64::from).collect(), shape)
    };
    let x0 = tensor(pixels, shape);
    let ours = bound.evaluate(&data, x0, &mut noise, &mut |_| ControlFlow::Continue(())).unwrap();
    let mean = ours.totals().iter().sum::<f64>() / 4.0;
    // 1024 values whose terms vary by about a bit.
    close(mean, exact, 0.1);
}

#[test]
fn an_estimate_from_few_steps_is_unbiased() {
    let data = Gaussian { mean: 0.3, std: 0.5, levels: Vec::new() };
    let levels = levels(200);
    let exact = bound(&data, &levels, FixedVariance::Large).total().mean;
    let bound = VariationalBound::new(&levels, FixedVariance::Large, Support::Continuous).unwrap();
    let estimate = |evaluations: usize, uniform: f64| {
        let x0 = corners(0.3, 0.5);
        bound.estimate(&data, x0, &mut noise, &mut || uniform, evaluations).unwrap()[0]
    };
    close(estimate(4000, 0.5), exact, 1e-9);
    let uniform = (0..400).map(|i| (f64::from(i) + 0.5) / 400.0);
    let mean = uniform.map(|uniform| estimate(5, uniform)).sum::<f64>() / 400.0;
    close(mean, exact, 2e-3);
    assert!((estimate(5, 0.0) - exact).abs() > 0.02, "one estimate alone is not exact");
}

fn flow(data: &dyn Denoiser, values: &[f64], probe: Vec<f64>, shape: [usize; 4]) -> Vec<f64> {
    let flow = ProbabilityFlow::new(&chain(), 1e-6);
    let x0 = tensor(values.to_vec(), shape);
    let given = [x0.clone(), x0, tensor(probe, shape)];
    let mut observer = |_: f64| ControlFlow::Continue(());
    flow.likelihood(data, Support::Continuous, given, &mut observer).unwrap().bits
}

/// `-ln N` in nats/dim of one value that the flow of a Gaussian leads to noise.
fn flow_nats(value: f64, std: f64) -> f64 {
    let flow = ProbabilityFlow::new(&chain(), 1e-6);
    let [first, last] = [flow.ends.0, flow.ends.1].map(|u| NoiseLevel::from_ratio(u.exp()));
    let variance = |level: NoiseLevel| (level.alpha * std).powi(2) + level.sigma.powi(2);
    let growth = variance(last) / variance(first);
    let noise = (first.alpha * value).powi(2) * growth;
    (noise + TAU.ln() - growth.ln()) / 2.0 - first.alpha.ln()
}

#[test]
fn the_flow_gives_gaussians_their_density() {
    for std in [1.0, 0.5, 2.0] {
        let data = Gaussian { mean: 0.0, std, levels: Vec::new() };
        let values = [-1.3, 0.2, 0.9];
        let ours = flow(&data, &values, vec![1.0, -1.0, 1.0], [3, 1, 1, 1]);
        for (ours, value) in ours.iter().zip(values) {
            close(*ours, flow_nats(value, std) / LN_2, 1e-5);
            // The density of the data that the chain's first level has smoothed, up to what its last level still tells.
            let variance = std * std + chain().level(0).ratio().powi(2);
            close(*ours, ((TAU * variance).ln() + value * value / variance) / 2.0 / LN_2, 3e-4);
        }
    }
}

/// Two values that depend on each other: a single probe is wrong, the mean over all of them right.
#[test]
fn hutchinsons_estimate_is_unbiased() {
    struct Correlated;
    impl Denoiser for Correlated {
        fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
            let sides = x.clone().split(1, 3);
            let [sum, difference] = [(1.0, 1.5), (-1.0, 0.4)].map(|(sign, std)| {
                let turned = (sides[0].clone() + sides[1].clone() * sign) / 2f64.sqrt();
                let variance = (level.alpha * std).powi(2) + level.sigma.powi(2);
                turned * (level.alpha * std.powi(2) / variance)
            });
            let x0 = [sum.clone() + difference.clone(), sum - difference].map(|side| side / 2f64.sqrt());
            Ok(Prediction::from_x0(Tensor::cat(x0.to_vec(), 3), x, level))
        }
    }
    let probes = vec![1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0, -1.0];
    let ours = flow(&Correlated, &[0.7, -0.2].repeat(4), probes, [4, 1, 1, 2]);
    let [sum, difference] = [0.5, 0.9].map(|side| side / 2f64.sqrt());
    let exact = (flow_nats(sum, 1.5) + flow_nats(difference, 0.4)) / 2.0 / LN_2;
    close(ours.iter().sum::<f64>() / 4.0, exact, 1e-5);
    assert!((ours[0] - exact).abs() > 0.1, "one probe alone is not exact");
}

#[test]
fn pixels_are_offset_by_the_width_of_their_bins() {
    let data = Gaussian { mean: 0.0, std: 0.5, levels: Vec::new() };
    let flow = ProbabilityFlow::new(&chain(), 1e-6);
    let value = |x: f64| tensor(vec![x], [1, 1, 1, 1]);
    let given = [value(1.0 / 255.0), value(0.75), value(1.0)];
    let mut observer = |_: f64| ControlFlow::Continue(());
    let ours = flow.likelihood(&data, Support::Pixels, given, &mut observer).unwrap();
    close(ours.bits[0], flow_nats(1.5 / 255.0, 0.5) / LN_2 + 127.5f64.log2(), 1e-5);
    assert!(ours.evaluations > 7);
}

/// The density at the first level is that of smoothed data. Sharp data cost more there than their entropy, the more the wider
/// the noise is beside them; with the chain's last step they cost their density wherever the flow ends.
#[test]
fn the_width_of_the_last_noise_counts_without_the_last_step_only() {
    let std = 0.02;
    let entropy = (TAU * E * std * std).log2() / 2.0;
    let mut excesses = Vec::new();
    for end in [0.08, 0.02, 0.005] {
        let first = NoiseLevel::from_ratio(end);
        let data = Gaussian { mean: 0.0, std, levels: vec![first, NoiseLevel::CLEAN] };
        let flow = ProbabilityFlow { ends: (f64::ln(end), f64::ln(1e4)), tolerance: 1e-7 };
        let (x0, probe) = (corners(0.0, std), noise());
        let mut observer = |_: f64| ControlFlow::Continue(());
        let given = [x0.clone(), x0.clone(), probe.clone()];
        let smoothed = flow.likelihood(&data, Support::Continuous, given, &mut observer).unwrap();
        let ratio = (std * std + end * end) / (std * std);
        let excess = (ratio.ln() + 1.0 / ratio - 1.0) / 2.0 / LN_2;
        close(smoothed.bits[0], entropy + excess, 1e-4);
        excesses.push(excess);

        let levels = [NoiseLevel::from_ratio(1e4), first, NoiseLevel::CLEAN];
        let bound = VariationalBound::new(&levels, FixedVariance::Small, Support::Continuous).unwrap();
        let given = [x0, noise(), probe];
        let whole = flow.with_last_step(&data, (&bound, &data), given, &mut observer).unwrap();
        close(whole.bits[0], entropy, 1e-4);
    }
    assert!(excesses[0] > 1.0 && excesses[1] > 0.1 && excesses[2] < 0.01, "{excesses:?}");
}

/// With the exact model both are the entropy; with the variances of DDPM the bound pays for every step, the flow for the last
/// one only.
#[test]
fn the_flow_with_the_last_step_is_below_the_bound() {
    let levels = levels(1000);
    let data = Gaussian { mean: 0.0, std: 0.05, levels: Vec::new() };
    let whole = bound(&data, &levels, FixedVariance::Small).total().mean;
    let step = VariationalBound::new(&levels, FixedVariance::Small, Support::Continuous).unwrap();
    let given = [corners(0.0, 0.05), noise(), tensor(vec![1.0, -1.0, -1.0, 1.0], [1, 1, 2, 2])];
    let flow = ProbabilityFlow::new(&chain(), 1e-6);
    let mut observer = |_: f64| ControlFlow::Continue(());
    let flow = flow.with_last_step(&data, (&step, &data), given, &mut observer).unwrap().bits[0];
    let entropy = (TAU * E * 0.05f64.powi(2)).log2() / 2.0;
    assert!(entropy - 1e-3 < flow && flow < whole, "{entropy}, {flow}, {whole}");
}

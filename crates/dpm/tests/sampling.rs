//! Walks back along a chain, and what is known of their ends.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::ops::ControlFlow;

use burn::prelude::*;
use dpm::{ChainConfig, Dpm, DpmConfig, DpmError, Factor, MultiScaleConfig, NetworkConfig, Reverse};
use random::Seed;
use schedules::ScheduleConfig;

const STATES: usize = 2000;

/// Untrained, so that its data are noise: independent and of unit variance, or bits of the prior's rate.
fn model(chain: ChainConfig) -> Dpm {
    let schedule = match chain {
        ChainConfig::Gaussian { .. } => ScheduleConfig::Dpm2015Linspace,
        ChainConfig::Binomial { .. } => ScheduleConfig::Dpm2015,
    };
    let config = DpmConfig { chain, schedule, ..DpmConfig::default() };
    config.init([1, 1, 4], 0, &Device::flex()).unwrap()
}

fn draw(model: &Dpm, factor: Option<&Factor>) -> Vec<f32> {
    let mut stream = Seed(1).stream("test/noise", 0);
    let uniform = model.chain().is_binomial();
    let mut noise = || {
        let values: Vec<f32> = match uniform {
            true => (0..4 * STATES).map(|_| stream.uniform() as f32).collect(),
            false => stream.normal(4 * STATES),
        };
        Tensor::<3>::from_data(TensorData::new(values, [1, STATES, 4]), &Device::flex())
    };
    let states = model.sample(&mut noise, factor, &mut |_| ControlFlow::Continue(())).unwrap();
    states.try_into_vec_as::<f32>().unwrap()
}

fn moments(values: impl Iterator<Item = f32> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().map(f64::from).sum::<f64>() / count;
    (mean, values.map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count)
}

#[test]
fn an_untrained_model_draws_its_noise() {
    let (mean, variance) = moments(draw(&model(ChainConfig::default()), None).into_iter());
    // Five standard errors of 8000 values.
    assert!(mean.abs() < 0.06 && (variance - 1.0).abs() < 0.08, "{mean} {variance}");
    let (mean, _) = moments(draw(&model(ChainConfig::Binomial { rate: 0.2 }), None).into_iter());
    assert!((mean - 0.2).abs() < 0.023, "{mean}");
}

#[test]
fn inpainting_keeps_what_is_known_and_draws_the_rest() {
    let device = Device::flex();
    for (chain, given, rest) in [
        (ChainConfig::default(), [0.3, -7.0], [0.0, 1.0]),
        (ChainConfig::Binomial { rate: 0.2 }, [1.0, 0.0], [0.2, 0.16]),
    ] {
        let state = Tensor::<3>::from_data([[[given[0], given[1], 0.0, 0.0]]], &device);
        let kept = Tensor::<3, Bool>::from_data([[[true, true, false, false]]], &device);
        let states = draw(&model(chain), Some(&Factor::Known { state, kept }));
        assert!(states.chunks(4).all(|state| state[..2] == given));
        let (mean, variance) = moments(states.chunks(4).flat_map(|state| state[2..].iter().copied()));
        assert!((mean - rest[0]).abs() < 0.08 && (variance - rest[1]).abs() < 0.12, "{mean} {variance}");
    }
}

/// Of a standard normal law and an observation y with noise of variance s, what is left is N(y/(1 + s), s/(1 + s)); the
/// chain, whose factor grows step by step, comes near it.
#[test]
fn denoising_comes_near_the_exact_answer() {
    let state = Tensor::<3>::full([1, 1, 4], 2.0, &Device::flex());
    let config = DpmConfig {
        num_train_timesteps: 400,
        schedule: ScheduleConfig::Dpm2015Linspace,
        ..DpmConfig::default()
    };
    let model = config.init([1, 1, 4], 0, &Device::flex()).unwrap();
    let states = draw(&model, Some(&Factor::Noisy { state, variance: 0.25 }));
    let (mean, variance) = moments(states.into_iter());
    assert!((mean - 1.6).abs() < 0.15, "{mean} is not near 1.6");
    assert!((variance - 0.2).abs() < 0.1, "{variance} is not near 0.2");
}

#[test]
fn a_walk_can_be_stopped() {
    let model = model(ChainConfig::default());
    let device = Device::flex();
    let mut seen = Vec::new();
    let mut observer = |step: dpm::Sampled| {
        seen.push(step.t);
        if step.t == 37 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped = model.sample(&mut || Tensor::zeros([1, 1, 4], &device), None, &mut observer);
    assert_eq!(stopped.unwrap_err(), DpmError::Stopped { done: 3, total: 40 });
    assert_eq!(seen, [39, 38, 37]);
}

/// Every path of the network for images sees the whole image, and its answers have the chain's shape.
#[test]
fn networks_for_images_answer_each_value() {
    let device = Device::flex();
    for (conv_layers, dense_layers) in [(2, 2), (1, 0), (0, 1)] {
        let network = MultiScaleConfig {
            conv_layers,
            dense_layers,
            conv_channels: 3,
            dense_units: 8,
            scales: 2,
            ..MultiScaleConfig::default()
        };
        let config = DpmConfig { network: NetworkConfig::MultiScale(network), ..DpmConfig::default() };
        let model = config.init([3, 5, 7], 0, &device).unwrap();
        let x = Tensor::<3>::ones([2, 4, 105], &device);
        assert_eq!(model.reverse(x, &[2, 40]).mean().dims(), [2, 4, 105]);
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |config: DpmConfig| config.init([2, 1, 1], 0, &Device::flex()).unwrap_err().to_string();
    let binomial = |rate| DpmConfig { chain: ChainConfig::Binomial { rate }, ..DpmConfig::default() };
    assert_eq!(refused(binomial(1.0)), "rate = 1: it must be above 0 and below 1");
    let short = refused(DpmConfig { num_train_timesteps: 1, ..DpmConfig::default() });
    assert!(short.contains("there must be at least 2"), "{short}");
    let last = refused(DpmConfig { schedule: ScheduleConfig::Dpm2015, ..DpmConfig::default() });
    assert!(last.contains("use dpm2015_linspace"), "{last}");
    let blind = MultiScaleConfig { conv_layers: 0, dense_layers: 0, ..MultiScaleConfig::default() };
    let blind = refused(DpmConfig { network: NetworkConfig::MultiScale(blind), ..DpmConfig::default() });
    assert!(blind.contains("nothing would see the image"), "{blind}");
}

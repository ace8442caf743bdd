//! Inpainting and image-to-image against data whose conditional laws have closed forms.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use burn::prelude::*;
use burn::tensor::DType;
use diffusion::{
    Denoiser, DiffusionError, DpmMultistepConfig, DpmSinglestepConfig, Known, MeanPerturbed, Prediction,
    RePaint, RePaintConfig, Solver, SolverConfig, UniPcConfig, noised, remaining_levels, sample,
};
use random::Seed;
use schedules::{FinalSigma, FixedVariance, NoiseLevel, Spacing};

use crate::exact::chain;

/// The exact denoiser of two pixels, standard normal with the given correlation: the sum and the difference are
/// independent.
struct Pair {
    correlation: f64,
}

impl Denoiser for Pair {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        let gain =
            |variance: f64| level.alpha * variance / (level.alpha.powi(2) * variance + level.sigma.powi(2));
        let other = x.clone().flip([3]);
        let sum = (x.clone() + other.clone()) * (gain(1.0 + self.correlation) / 2.0);
        let difference = (x.clone() - other) * (gain(1.0 - self.correlation) / 2.0);
        Ok(Prediction::from_x0(sum + difference, x, level))
    }
}

const DATA: Pair = Pair { correlation: 0.8 };

/// `count` draws of two pixels.
struct Noise {
    count: usize,
    draws: u64,
}

impl Noise {
    fn draw(&mut self) -> Tensor<4> {
        self.draws += 1;
        let values = Seed(7).stream("noise", self.draws).normal(2 * self.count);
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let shape = [self.count, 1, 1, 2];
        Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F64))
    }
}

/// The left pixel is known.
fn known(value: f64) -> Known {
    let device = Device::flex();
    let image = Tensor::from_data(TensorData::new(vec![value, -9.0], [1, 1, 1, 2]), (&device, DType::F64));
    let kept = Tensor::<4, Bool>::from_data(TensorData::new(vec![true, false], [1, 1, 1, 2]), &device);
    Known { image, kept }
}

fn resampling(jump_length: usize, resamples: usize) -> RePaintConfig {
    let number = |value| NonZeroUsize::new(value).unwrap();
    RePaintConfig { jump_length: number(jump_length), resamples: number(resamples) }
}

fn inpaint(
    solver: &SolverConfig,
    config: RePaintConfig,
    steps: usize,
    count: usize,
    value: f64,
) -> Tensor<4> {
    let mut noise = Noise { count, draws: 0 };
    let plain = Spacing::Quadratic.levels(&chain(), steps, FinalSigma::Zero).unwrap();
    let mut inner = solver.init(&chain());
    let mut repaint = RePaint::new(inner.as_mut(), known(value), config, plain.len() - 1);
    let x = noise.draw();
    walk(&DATA, &mut repaint, &config.levels(&plain), x, &mut noise)
}

fn walk(
    denoiser: &dyn Denoiser,
    solver: &mut dyn Solver,
    levels: &[NoiseLevel],
    x: Tensor<4>,
    noise: &mut Noise,
) -> Tensor<4> {
    sample(denoiser, solver, levels, x, &mut || noise.draw(), &mut |_| ControlFlow::Continue(())).unwrap()
}

fn pixel(x: Tensor<4>, place: usize) -> Vec<f64> {
    x.narrow(3, place, 1).try_into_vec_as::<f64>().unwrap()
}

fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64)
}

/// Given the left pixel, the right one has mean `correlation * left` and variance `1 - correlation^2`. Without going back
/// it is bound less.
#[test]
fn resampling_reaches_the_conditional_law() {
    for solver in [SolverConfig::Ancestral { variance: FixedVariance::Small }, SolverConfig::DpmSde] {
        let right = |config| moments(&pixel(inpaint(&solver, config, 40, 1000, 1.5), 1));
        let (mean, variance) = right(resampling(2, 20));
        assert!((mean - 1.2).abs() < 0.07, "{solver:?}: mean {mean}");
        assert!((variance - 0.36).abs() < 0.1, "{solver:?}: variance {variance}");
        let (mean, _) = right(resampling(2, 1));
        assert!(mean < 1.0, "{solver:?}: mean {mean} without going back");
    }
}

#[test]
fn kept_pixels_are_the_given_ones_whatever_the_solver() {
    for solver in [
        SolverConfig::Ancestral { variance: FixedVariance::Small },
        SolverConfig::Ddim { eta: 0.0 },
        SolverConfig::Lms { order: 4 },
        SolverConfig::Pndm { runge_kutta: true },
        SolverConfig::DpmMultistep(DpmMultistepConfig { order: 3, ..Default::default() }),
        SolverConfig::DpmSinglestep(DpmSinglestepConfig { order: 3, ..Default::default() }),
        SolverConfig::Unipc(UniPcConfig { order: 3, ..Default::default() }),
    ] {
        let x = inpaint(&solver, resampling(4, 3), 12, 5, 0.3);
        assert_eq!(pixel(x.clone(), 0), [0.3; 5], "{solver:?}");
        let drawn = pixel(x, 1);
        assert!(drawn.iter().all(|value| value.abs() < 5.0), "{solver:?}: {drawn:?}");
    }
}

/// A deterministic solver takes the known pixel down the straight line from its own noise to the given value.
#[test]
fn a_perturbed_mean_leads_to_the_given_pixels() {
    let mut noise = Noise { count: 2000, draws: 0 };
    let levels = Spacing::Trailing.levels(&chain(), 100, FinalSigma::Zero).unwrap();
    let x = noise.draw();
    let denoiser = MeanPerturbed { inner: DATA, known: known(1.5) };
    let mut solver = SolverConfig::Ddim { eta: 0.0 }.init(&chain());
    let part = walk(&denoiser, solver.as_mut(), &levels[..60], x.clone(), &mut noise);
    let (from, to) = (levels[0], levels[59]);
    for (value, start) in pixel(part, 0).into_iter().zip(pixel(x.clone(), 0)) {
        let expected = to.alpha * 1.5 + to.sigma * (start - from.alpha * 1.5) / from.sigma;
        assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
    }
    let x = walk(&denoiser, solver.as_mut(), &levels, x, &mut noise);
    assert!(pixel(x.clone(), 0).iter().all(|value| (value - 1.5).abs() < 1e-12));
    let (mean, _) = moments(&pixel(x, 1));
    assert!(mean > 0.4, "the drawn pixel does not follow the known one: mean {mean}");
}

/// Images that are noised and walked down again are distributed as before, whatever the strength.
#[test]
fn partial_noising_keeps_the_data_law() {
    let levels = Spacing::Trailing.levels(&chain(), 100, FinalSigma::Zero).unwrap();
    for strength in [0.2, 0.7] {
        let mut noise = Noise { count: 4000, draws: 0 };
        let independent = noise.draw();
        let (left, right) = (independent.clone().narrow(3, 0, 1), independent.narrow(3, 1, 1));
        let image = Tensor::cat(vec![left.clone(), left * 0.8 + right * 0.6], 3);
        let remaining = remaining_levels(&levels, strength).unwrap();
        let x = noised(image, remaining[0], noise.draw());
        let mut solver = SolverConfig::DpmSde.init(&chain());
        let x = walk(&DATA, solver.as_mut(), remaining, x, &mut noise);
        let (left, right) = (pixel(x.clone(), 0), pixel(x, 1));
        let product: Vec<f64> = left.iter().zip(&right).map(|(a, b)| a * b).collect();
        assert!((moments(&left).1 - 1.0).abs() < 0.08, "{strength}: {}", moments(&left).1);
        assert!((moments(&product).0 - 0.8).abs() < 0.08, "{strength}: {}", moments(&product).0);
    }
}

/// As every walk begins at index 0, a solver forgets the walk before.
#[test]
fn a_solver_walks_twice_alike() {
    let levels = Spacing::Trailing.levels(&chain(), 9, FinalSigma::Zero).unwrap();
    for config in [
        SolverConfig::Lms { order: 4 },
        SolverConfig::Ipndm,
        SolverConfig::Pndm { runge_kutta: false },
        SolverConfig::DpmMultistep(DpmMultistepConfig { order: 3, ..Default::default() }),
        SolverConfig::DpmSinglestep(DpmSinglestepConfig { order: 2, ..Default::default() }),
        SolverConfig::Unipc(UniPcConfig { order: 3, ..Default::default() }),
    ] {
        let mut solver = config.init(&chain());
        let mut once = || {
            let mut noise = Noise { count: 2, draws: 0 };
            let x = noise.draw();
            pixel(walk(&DATA, solver.as_mut(), &levels, x, &mut noise), 1)
        };
        assert_eq!(once(), once(), "{config:?}");
    }
}

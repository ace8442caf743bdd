use std::ops::ControlFlow;

use burn::prelude::*;
use burn::tensor::DType;
use diffusion::{Denoiser, DiffusionError, Prediction, Solver, sample};
use random::Seed;
use schedules::{Curve, NoiseLevel, ScheduleConfig};

/// The exact denoiser of data distributed as `N(mean, std^2)`: `E[x0 | x]` is linear in x.
#[derive(Clone, Copy)]
pub struct Gaussian {
    pub mean: f64,
    pub std: f64,
}

impl Denoiser for Gaussian {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        let gain = level.alpha * self.std.powi(2) / self.variance(level);
        let x0 = (x.clone() - level.alpha * self.mean) * gain + self.mean;
        Ok(Prediction::from_x0(x0, x, level))
    }
}

impl Gaussian {
    /// Of the images at a level.
    pub fn variance(self, level: NoiseLevel) -> f64 {
        (level.alpha * self.std).powi(2) + level.sigma.powi(2)
    }

    /// The probability-flow ODE keeps every value's distance from the mean in units of the marginal's deviation.
    pub fn exact(self, x: Tensor<4>, from: NoiseLevel, to: NoiseLevel) -> Tensor<4> {
        let factor = (self.variance(to) / self.variance(from)).sqrt();
        (x - from.alpha * self.mean) * factor + to.alpha * self.mean
    }
}

pub const DATA: Gaussian = Gaussian { mean: 0.3, std: 0.5 };

pub fn chain() -> Curve {
    ScheduleConfig::default().curve(1000).unwrap()
}

pub fn tensor(values: Vec<f64>, shape: [usize; 4]) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F64))
}

pub fn normal(shape: [usize; 4], purpose: &str, index: u64) -> Tensor<4> {
    let values = Seed(5).stream(purpose, index).normal(shape.iter().product());
    tensor(values.into_iter().map(f64::from).collect(), shape)
}

/// A walk with noises of a stream of its own.
pub fn walk(
    denoiser: &dyn Denoiser,
    solver: &mut dyn Solver,
    levels: &[NoiseLevel],
    x: Tensor<4>,
) -> Tensor<4> {
    let (shape, mut draws) = (x.dims(), 0);
    let mut noise = || {
        draws += 1;
        normal(shape, "noise", draws)
    };
    sample(denoiser, solver, levels, x, &mut noise, &mut |_| ControlFlow::Continue(())).unwrap()
}

pub fn root_mean_square(x: Tensor<4>) -> f64 {
    x.square().mean().into_scalar::<f64>().sqrt()
}

/// Four laws of noise as smooth functions of a time from 1 (noise) to 0, ends included that every solver can step to.
pub type Law = (&'static str, fn(f64) -> NoiseLevel);
pub const LAWS: [Law; 4] = [
    ("vp linear", |t| {
        let t = 0.1 + 0.7 * t;
        NoiseLevel::from_alpha_cumprod((-0.1 * t - 9.95 * t * t).exp())
    }),
    ("vp cosine", |t| {
        let angle = (0.05 + 0.85 * t) * std::f64::consts::FRAC_PI_2;
        NoiseLevel { alpha: angle.cos(), sigma: angle.sin() }
    }),
    ("edm", |t| NoiseLevel { alpha: 1.0, sigma: (0.3 + 1.5 * t).powi(3) }),
    ("flow", |t| NoiseLevel::flow(0.05 + 0.85 * t)),
];

/// `steps` steps down a law, the first ones short, so that the low orders which a memory begins with do not show.
pub fn descent(law: Law, steps: usize) -> Vec<NoiseLevel> {
    (0..=steps).map(|i| (law.1)(1.0 - (i as f64 / steps as f64).powi(2))).collect()
}

/// The order that an error which falls from `coarse` to `fine` over four times the steps shows.
pub fn slope(coarse: f64, fine: f64) -> f64 {
    (coarse / fine).log2() / 2.0
}

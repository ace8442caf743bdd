use std::cell::Cell;

use burn::prelude::*;
use burn::tensor::DType;
use diffusion::{Denoiser, DiffusionError, Prediction};
use schedules::NoiseLevel;

/// Weight, mean and deviation of each Gaussian.
const PARTS: [(f64, f64, f64); 3] = [(0.5, -0.8, 0.1), (0.3, 0.1, 0.2), (0.2, 0.9, 0.05)];

/// The exact denoiser of a mixture of Gaussians on the line, which counts how often it is asked.
#[derive(Default)]
pub struct Mixture {
    pub evaluations: Cell<usize>,
}

impl Mixture {
    /// The quantiles of the noisy data at a level.
    ///
    /// On the line the probability-flow ODE never lets two solutions cross: it keeps each value's share of the data
    /// below it, so that quantiles flow to quantiles.
    pub fn quantiles(level: NoiseLevel, count: usize) -> Vec<f64> {
        (0..count).map(|i| quantile(level, (i as f64 + 0.5) / count as f64)).collect()
    }
}

fn noisy(level: NoiseLevel) -> impl Iterator<Item = (f64, f64, f64)> {
    PARTS
        .into_iter()
        .map(move |(weight, mean, std)| (weight, level.alpha * mean, (level.alpha * std).hypot(level.sigma)))
}

fn quantile(level: NoiseLevel, share: f64) -> f64 {
    let below =
        |x: f64| noisy(level).map(|(weight, mean, std)| weight * normal_cdf((x - mean) / std)).sum::<f64>();
    let (mut low, mut high) = (-20.0, 20.0);
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if below(middle) < share { low = middle } else { high = middle }
    }
    low
}

/// By Simpson's rule, to 1e-12.
fn normal_cdf(x: f64) -> f64 {
    if x.abs() > 9.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let steps = 400;
    let density = |t: f64| (-t * t / 2.0).exp();
    let width = x / f64::from(steps);
    let inner = |i: i32| if i % 2 == 1 { 4.0 } else { 2.0 } * density(f64::from(i) * width);
    let sum = density(0.0) + density(x) + (1..steps).map(inner).sum::<f64>();
    0.5 + sum * width / 3.0 / std::f64::consts::TAU.sqrt()
}

/// `E[x0 | x]`: each Gaussian's own, weighted by how likely x is its.
fn expected(x: f64, level: NoiseLevel) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for ((weight, centre, spread), (_, mean, std)) in noisy(level).zip(PARTS) {
        let likelihood = weight / spread * (-((x - centre) / spread).powi(2) / 2.0).exp();
        let gain = level.alpha * std.powi(2) / spread.powi(2);
        sum += likelihood * (mean + gain * (x - centre));
        total += likelihood;
    }
    // Far from all data, where the likelihoods underflow.
    if total > 0.0 { sum / total } else { x.clamp(-1.0, 1.0) }
}

impl Denoiser for Mixture {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        self.evaluations.set(self.evaluations.get() + 1);
        let values = x.clone().into_data().iter::<f64>().map(|x| expected(x, level)).collect();
        Ok(Prediction::from_x0(image(values), x, level))
    }
}

/// Values as one image, in double precision.
pub fn image(values: Vec<f64>) -> Tensor<4> {
    let shape = [1, 1, 1, values.len()];
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F64))
}

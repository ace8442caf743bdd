use burn::prelude::*;
use data::ImageSet;
use dpm::{Dpm, Reverse};
use random::Seed;

use super::config::DpmRunConfig;
use crate::error::TrainError;

/// The paper's lower bound K on the mean log-likelihood of some states, in bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Its mean.
    pub bits: f64,
    /// The standard error of that over states and noise.
    pub stderr: f64,
    /// L_null, that of independent noise.
    pub null_bits: f64,
    /// How many states.
    pub states: usize,
}

/// Values that a device computes on at once.
const AT_ONCE: usize = 1 << 21;

impl Bound {
    /// That of the first `states` of a set, every step of the chain included, each state with its own noise.
    ///
    /// # Errors
    ///
    /// If the data cannot be read or the device fails.
    pub fn of(
        model: &Dpm,
        config: &DpmRunConfig,
        set: &ImageSet,
        states: usize,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let states = states.min(set.len());
        let [channels, height, width] = set.image_shape();
        let values = channels * height * width;
        let numbers: Vec<usize> = (0..states).collect();
        let mut data = set.fixed(&numbers)?.pixels;
        let seed = Seed(config.seed);
        if let Some(standardize) = &config.standardize {
            let mut stream = seed.stream("bound/dequantize", 0);
            standardize.apply(&mut data, height * width, || stream.uniform());
        }
        let x0 = Tensor::<3>::from_data(TensorData::new(data, [1, states, values]), device);
        let mut sum = model.ends(x0.clone()).expand([1, states, 1]);
        let length = model.chain().length();
        let group = (AT_ONCE / (states * values).max(1)).clamp(1, length - 1);
        let steps: Vec<usize> = (2..=length).collect();
        for steps in steps.chunks(group) {
            let shape = [steps.len(), states, values];
            let mut noise = Vec::with_capacity(shape.iter().product());
            for &t in steps {
                let mut stream = seed.stream("bound/noise", t as u64);
                match model.chain().is_binomial() {
                    true => noise.extend((0..states * values).map(|_| stream.uniform() as f32)),
                    false => noise.extend(stream.normal(states * values)),
                }
            }
            let noise = Tensor::<3>::from_data(TensorData::new(noise, shape), device);
            sum = sum - model.divergence(x0.clone().expand(shape), noise, steps).sum_dim(0);
        }
        let nats = sum.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))?;
        Ok(Self::from_nats(&nats, model.chain().null_log_likelihood(values)))
    }

    fn from_nats(nats: &[f32], null: f64) -> Self {
        let bit = std::f64::consts::LN_2;
        let count = nats.len() as f64;
        let mean = nats.iter().map(|&k| f64::from(k)).sum::<f64>() / count;
        let squares = nats.iter().map(|&k| (f64::from(k) - mean).powi(2)).sum::<f64>();
        let stderr = (squares / (count - 1.0).max(1.0) / count).sqrt();
        Self { bits: mean / bit, stderr: stderr / bit, null_bits: null / bit, states: nats.len() }
    }
}

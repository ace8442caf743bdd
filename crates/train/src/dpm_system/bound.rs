use std::f64::consts::LN_2;

use burn::prelude::*;
use data::ImageSet;
use dpm::{Dpm, Reverse};
use random::Seed;

use super::config::DpmRunConfig;
use crate::error::TrainError;
use crate::state_bounds::StateBounds;

/// Values that a device computes on at once.
const AT_ONCE: usize = 1 << 21;

/// States of a set and their bounds.
pub struct Measured {
    /// The states, one after the other.
    pub states: Vec<f32>,
    /// The bounds.
    pub bounds: StateBounds,
}

impl Measured {
    /// The first `states` of a set, every step of the chain included, each state with its own noise.
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
        let x0 = Tensor::<3>::from_data(TensorData::new(data.clone(), [1, states, values]), device);
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
        let bits = nats.iter().map(|&k| f64::from(k) / LN_2).collect();
        let null_bits = model.chain().null_log_likelihood(values) / LN_2;
        Ok(Self { states: data, bounds: StateBounds { bits, null_bits } })
    }
}

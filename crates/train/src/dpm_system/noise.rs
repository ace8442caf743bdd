use std::ops::Range;

use burn::prelude::*;
use random::{Seed, Stream};

use super::model::TrainedDpm;

/// Noise with one stream for each state, so that a state does not depend on those drawn beside it.
pub struct StateNoise {
    streams: Vec<Stream>,
    values: usize,
    uniform: bool,
    device: Device,
}

impl StateNoise {
    /// The noise of the states `numbers` of a seed, as the model's chain wants it: standard normal, or uniform in
    /// `[0, 1)`.
    pub fn new(model: &TrainedDpm, seed: u64, numbers: Range<u64>) -> Self {
        Self {
            streams: numbers.map(|number| Seed(seed).stream("sample/image", number)).collect(),
            values: model.shape.iter().product(),
            uniform: matches!(model.config.dpm.chain, dpm::ChainConfig::Binomial { .. }),
            device: model.device.clone(),
        }
    }

    /// The next noise of every state, `[1, N, D]`.
    pub fn draw(&mut self) -> Tensor<3> {
        let shape = [1, self.streams.len(), self.values];
        let draw = |stream: &mut Stream| match self.uniform {
            true => (0..self.values).map(|_| stream.uniform() as f32).collect(),
            false => stream.normal(self.values),
        };
        let values: Vec<f32> = self.streams.iter_mut().flat_map(draw).collect();
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}

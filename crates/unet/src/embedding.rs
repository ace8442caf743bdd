use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use crate::init::Init;
use crate::{TimeEncoding, UNetConfig};

/// The two-layer network that turns an encoded time into the embedding that all residual blocks share.
#[derive(Module, Debug)]
pub(crate) struct TimeEmbedding {
    linear_1: Linear,
    linear_2: Linear,
}

impl TimeEmbedding {
    pub(crate) fn new(config: &UNetConfig, init: &mut Init<'_>) -> Self {
        let channels = config.resolved_time_channels();
        let inputs = match config.time_encoding {
            TimeEncoding::Fourier => 2 * config.width(0),
            TimeEncoding::Positional | TimeEncoding::Learned => config.width(0),
        };
        Self { linear_1: init.linear(inputs, channels), linear_2: init.linear(channels, channels) }
    }

    /// # Shapes
    ///
    /// - `encoded`: `[B, channels of the encoding]`
    /// - output: `[B, time_channels]`
    pub(crate) fn forward(&self, encoded: Tensor<2>) -> Tensor<2> {
        self.linear_2.forward(silu(self.linear_1.forward(encoded)))
    }
}

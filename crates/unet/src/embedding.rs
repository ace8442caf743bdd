use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;

use crate::init::Init;
use crate::{Activation, TimeEncoding, UNetConfig};

/// The two-layer network that turns an encoded time, or something else, into the embedding that all residual blocks share.
#[derive(Module, Debug)]
pub(crate) struct TimeEmbedding {
    linear_1: Linear,
    linear_2: Linear,
    cond_proj: Option<Linear>,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    post_activation: Option<Activation>,
}

impl TimeEmbedding {
    /// That of the time.
    pub(crate) fn of_time(config: &UNetConfig, init: &mut Init<'_>) -> Self {
        let inputs = encoded_channels(config);
        let condition = config.time_condition_channels;
        Self {
            cond_proj: condition.map(|channels| init.linear_without_bias(channels, inputs)),
            post_activation: config.time_post_activation,
            ..Self::of_number(config, init)
        }
    }

    /// That of a number encoded as the time is.
    pub(crate) fn of_number(config: &UNetConfig, init: &mut Init<'_>) -> Self {
        Self {
            activation: config.outer_activation,
            ..Self::of_vector(encoded_channels(config), config, init)
        }
    }

    /// That of a vector.
    pub(crate) fn of_vector(inputs: usize, config: &UNetConfig, init: &mut Init<'_>) -> Self {
        let channels = config.resolved_time_channels();
        Self {
            linear_1: init.linear(inputs, channels),
            linear_2: init.linear(channels, channels),
            cond_proj: None,
            activation: Activation::Silu,
            post_activation: None,
        }
    }

    /// # Shapes
    ///
    /// - `encoded`: `[B, inputs]`
    /// - `condition`: `[B, time_condition_channels]`
    /// - output: `[B, time_channels]`
    pub(crate) fn forward(&self, encoded: Tensor<2>, condition: Option<Tensor<2>>) -> Tensor<2> {
        let encoded = match (&self.cond_proj, condition) {
            (Some(layer), Some(condition)) => encoded + layer.forward(condition),
            _ => encoded,
        };
        let emb = self.linear_2.forward(self.activation.apply(self.linear_1.forward(encoded)));
        match self.post_activation {
            Some(activation) => activation.apply(emb),
            None => emb,
        }
    }
}

/// Channels of an encoded time.
fn encoded_channels(config: &UNetConfig) -> usize {
    match config.time_encoding {
        TimeEncoding::Fourier => 2 * config.width(0),
        TimeEncoding::Positional | TimeEncoding::Learned => config.width(0),
    }
}

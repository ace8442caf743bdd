use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::Tensor;
use unet::Init;

use crate::TextActivation;
use crate::attention::{AttentionConfig, SelfAttention};

/// A transformer's layer with its norms before what they feed (Xiong et al. 2020, arXiv 2002.04745).
#[derive(Module, Debug)]
pub(crate) struct Layer {
    layer_norm1: LayerNorm,
    self_attn: SelfAttention,
    layer_norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    #[module(skip)]
    activation: TextActivation,
}

/// The shape of a [`Layer`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerConfig {
    pub(crate) attention: AttentionConfig,
    /// Channels between the two layers of the feed-forward network.
    pub(crate) inner: usize,
    pub(crate) activation: TextActivation,
    /// Added to the variance in the norms.
    pub(crate) norm_eps: f64,
}

impl Layer {
    pub(crate) fn new(config: LayerConfig, init: &mut Init<'_>) -> Self {
        let channels = config.attention.channels;
        Self {
            layer_norm1: layer_norm(channels, config.norm_eps, init),
            self_attn: SelfAttention::new(config.attention, init),
            layer_norm2: layer_norm(channels, config.norm_eps, init),
            fc1: init.linear(channels, config.inner),
            fc2: init.linear(config.inner, channels),
            activation: config.activation,
        }
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, T, C]`
    /// - `bias`: as in [`SelfAttention::forward`]
    pub(crate) fn forward(&self, x: Tensor<3>, bias: Option<&Tensor<4>>) -> Tensor<3> {
        let x = x.clone() + self.self_attn.forward(self.layer_norm1.forward(x), bias);
        let h = self.activation.apply(self.fc1.forward(self.layer_norm2.forward(x.clone())));
        x + self.fc2.forward(h)
    }
}

pub(crate) fn layer_norm(channels: usize, epsilon: f64, init: &Init<'_>) -> LayerNorm {
    LayerNormConfig::new(channels).with_epsilon(epsilon).init(init.device())
}

use burn::module::Module;
use burn::nn::{Embedding, LayerNorm};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use unet::Init;

use crate::attention::AttentionConfig;
use crate::error::check_counts;
use crate::layer::{Layer, LayerConfig, layer_norm};
use crate::{TextActivation, TextError};

/// Added to the variance in the norms.
const NORM_EPS: f64 = 1e-5;

/// The shape of an [`LdmBert`]. The default is that of the published text-to-image network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LdmBertConfig {
    /// Tokens there are.
    pub vocabulary: usize,
    /// The longest sequence.
    pub context: usize,
    /// Channels of the states.
    pub channels: usize,
    /// Channels between the two layers of a feed-forward network.
    pub inner: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of attention.
    pub heads: usize,
    /// Channels of one head.
    pub head_channels: usize,
    /// Nonlinearity of the feed-forward networks.
    pub activation: TextActivation,
}

impl Default for LdmBertConfig {
    fn default() -> Self {
        Self {
            vocabulary: 30522,
            context: 77,
            channels: 1280,
            inner: 5120,
            layers: 32,
            heads: 8,
            head_channels: 64,
            activation: TextActivation::Gelu,
        }
    }
}

impl LdmBertConfig {
    /// Makes the network; its weights depend on the seed alone.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn init(&self, device: &Device, seed: u64) -> Result<LdmBert, TextError> {
        check_counts(&[
            ("vocabulary", self.vocabulary),
            ("context", self.context),
            ("channels", self.channels),
            ("inner", self.inner),
            ("layers", self.layers),
            ("heads", self.heads),
            ("head_channels", self.head_channels),
        ])?;
        Ok(LdmBert::new(self, &mut Init::new(device, seed)))
    }
}

/// The text encoder that was trained with the first latent diffusion from text (Rombach et al. 2022, section 4.3.1): a
/// transformer that sees all positions, padding among them.
#[derive(Module, Debug)]
pub struct LdmBert {
    embed_tokens: Embedding,
    embed_positions: Embedding,
    layers: Vec<Layer>,
    layer_norm: LayerNorm,
}

impl LdmBert {
    fn new(config: &LdmBertConfig, init: &mut Init<'_>) -> Self {
        let attention = AttentionConfig {
            channels: config.channels,
            heads: config.heads,
            head_channels: config.head_channels,
            qkv_bias: false,
            out_bias: true,
            scale: 1.0 / (config.head_channels as f64).sqrt(),
        };
        let layer =
            LayerConfig { attention, inner: config.inner, activation: config.activation, norm_eps: NORM_EPS };
        Self {
            embed_tokens: init.embedding(config.vocabulary, config.channels),
            embed_positions: init.embedding(config.context, config.channels),
            layers: (0..config.layers).map(|_| Layer::new(layer, init)).collect(),
            layer_norm: layer_norm(config.channels, NORM_EPS, init),
        }
    }

    /// # Shapes
    ///
    /// - `ids`: `[B, T]`, tokens of the vocabulary, no more than the context
    /// - output: `[B, T, C]`
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, length] = ids.dims();
        let positions = Tensor::<1, Int>::arange(0..length as i64, &ids.device()).unsqueeze::<2>();
        let x = self.embed_tokens.forward(ids) + self.embed_positions.forward(positions);
        let x = self.layers.iter().fold(x, |x, layer| layer.forward(x, None));
        self.layer_norm.forward(x)
    }
}

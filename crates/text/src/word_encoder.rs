use burn::module::Module;
use burn::nn::{Embedding, LayerNorm};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use unet::Init;

use crate::attention::AttentionConfig;
use crate::error::check_counts;
use crate::layer::{Layer, LayerConfig, layer_norm};
use crate::mask::padding_bias;
use crate::{TextActivation, TextError};

/// Added to the variance in the norms.
const NORM_EPS: f64 = 1e-5;

/// Bound of the embeddings' initial numbers: a standard deviation of 0.02, as in GPT-2.
const BOUND: f64 = 0.0346;

/// The shape of a [`WordEncoder`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WordEncoderConfig {
    /// Channels of the states.
    pub channels: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of attention.
    pub heads: usize,
}

impl Default for WordEncoderConfig {
    fn default() -> Self {
        Self { channels: 64, layers: 2, heads: 4 }
    }
}

impl WordEncoderConfig {
    /// Makes the network for a vocabulary and a context; its weights depend on the seed alone.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn init(
        &self,
        vocabulary: usize,
        context: usize,
        device: &Device,
        seed: u64,
    ) -> Result<WordEncoder, TextError> {
        check_counts(&[
            ("vocabulary", vocabulary),
            ("context", context),
            ("channels", self.channels),
            ("layers", self.layers),
            ("heads", self.heads),
        ])?;
        if !self.channels.is_multiple_of(self.heads) {
            return Err(TextError::Heads { heads: self.heads, channels: self.channels });
        }
        Ok(WordEncoder::new(self, [vocabulary, context], &mut Init::new(device, seed)))
    }
}

/// A transformer over a few words, trained from nothing with the network that reads its states.
#[derive(Module, Debug)]
pub struct WordEncoder {
    words: Embedding,
    positions: Embedding,
    layers: Vec<Layer>,
    norm: LayerNorm,
}

impl WordEncoder {
    fn new(config: &WordEncoderConfig, [vocabulary, context]: [usize; 2], init: &mut Init<'_>) -> Self {
        let (channels, head_channels) = (config.channels, config.channels / config.heads);
        let attention = AttentionConfig {
            channels,
            heads: config.heads,
            head_channels,
            qkv_bias: true,
            out_bias: true,
            scale: 1.0 / (head_channels as f64).sqrt(),
        };
        let layer = LayerConfig {
            attention,
            inner: 4 * channels,
            activation: TextActivation::Gelu,
            norm_eps: NORM_EPS,
        };
        Self {
            words: init.uniform_embedding(vocabulary, channels, BOUND),
            positions: init.uniform_embedding(context, channels, BOUND),
            layers: (0..config.layers).map(|_| Layer::new(layer, init)).collect(),
            norm: layer_norm(channels, NORM_EPS, init),
        }
    }

    /// # Shapes
    ///
    /// - `ids`: `[B, T]`, tokens of the vocabulary, no more than the context
    /// - `mask`: `[B, T]`, 1 for a token and 0 for padding, which no token sees
    /// - output: `[B, T, C]`; what stands at padding means nothing
    pub fn forward(&self, ids: Tensor<2, Int>, mask: Tensor<2, Int>) -> Tensor<3> {
        let [_, length] = ids.dims();
        let positions = Tensor::<1, Int>::arange(0..length as i64, &ids.device()).unsqueeze::<2>();
        let x = self.words.forward(ids) + self.positions.forward(positions);
        let bias = padding_bias(mask, x.dtype());
        let x = self.layers.iter().fold(x, |x, layer| layer.forward(x, Some(&bias)));
        self.norm.forward(x)
    }
}

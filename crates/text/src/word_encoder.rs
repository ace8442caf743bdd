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

#[cfg(test)]
mod tests {
    use burn::tensor::Tolerance;

    use super::*;

    /// What a token's state is does not depend on what stands at padding, nor on how much of it there is.
    #[test]
    fn padding_is_not_seen() {
        let device = Device::flex();
        let config = WordEncoderConfig { channels: 8, layers: 2, heads: 2 };
        let encoder = config.init(10, 5, &device, 1).unwrap();
        let state = |ids: Vec<i64>, mask: Vec<i64>| {
            let length = ids.len();
            let [ids, mask] = [ids, mask].map(|row| Tensor::<1, Int>::from_ints(row.as_slice(), &device));
            let states = encoder.forward(ids.unsqueeze(), mask.unsqueeze());
            assert_eq!(states.dims(), [1, length, 8]);
            states.narrow(1, 0, 2).into_data()
        };
        let short = state(vec![4, 2], vec![1, 1]);
        let padded = state(vec![4, 2, 0, 0, 0], vec![1, 1, 0, 0, 0]);
        padded.assert_approx_eq::<f32>(&short, Tolerance::absolute(1e-5));
        let other = state(vec![4, 2, 7, 8, 9], vec![1, 1, 0, 0, 0]);
        other.assert_approx_eq::<f32>(&padded, Tolerance::absolute(0.0));
        let longer = state(vec![4, 2, 7], vec![1, 1, 1]);
        assert!(longer.as_slice::<f32>().unwrap() != short.as_slice::<f32>().unwrap());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let config = WordEncoderConfig { heads: 3, ..WordEncoderConfig::default() };
        let error = config.init(10, 5, &Device::flex(), 1).unwrap_err().to_string();
        assert_eq!(error, "heads 3 does not divide the 64 channels; use a divisor of 64");
        let error = WordEncoderConfig::default().init(10, 0, &Device::flex(), 1).unwrap_err().to_string();
        assert_eq!(error, "context is 0; use at least 1");
    }
}

use burn::module::Module;
use burn::nn::{Embedding, LayerNorm, Linear};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use unet::Init;

use crate::attention::AttentionConfig;
use crate::error::{check_counts, check_eps};
use crate::layer::{Layer, LayerConfig, layer_norm};
use crate::mask::causal_bias;
use crate::{TextActivation, TextError};

/// The shape of a [`ClipText`]. The default is that of Stable Diffusion 1: ViT-L/14's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClipTextConfig {
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
    /// Nonlinearity of the feed-forward networks.
    pub activation: TextActivation,
    /// Added to the variance in the norms.
    pub norm_eps: f64,
    /// Which token's state stands for the whole sequence.
    pub end_token: EndToken,
    /// Channels that this state is projected to, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projection: Option<usize>,
}

/// Which token's state stands for the whole sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndToken {
    /// The largest, wherever it comes first: what CLIP's own code takes.
    Largest,
    /// This one, where it comes first.
    Id(usize),
}

impl Default for ClipTextConfig {
    fn default() -> Self {
        Self {
            vocabulary: 49408,
            context: 77,
            channels: 768,
            inner: 3072,
            layers: 12,
            heads: 12,
            activation: TextActivation::QuickGelu,
            norm_eps: 1e-5,
            end_token: EndToken::Largest,
            projection: None,
        }
    }
}

impl ClipTextConfig {
    /// Makes the network; its weights depend on the seed alone.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn init(&self, device: &Device, seed: u64) -> Result<ClipText, TextError> {
        check_counts(&[
            ("vocabulary", self.vocabulary),
            ("context", self.context),
            ("channels", self.channels),
            ("inner", self.inner),
            ("layers", self.layers),
            ("heads", self.heads),
            ("projection", self.projection.unwrap_or(1)),
        ])?;
        check_eps(self.norm_eps)?;
        if !self.channels.is_multiple_of(self.heads) {
            return Err(TextError::Heads { heads: self.heads, channels: self.channels });
        }
        Ok(ClipText::new(self, &mut Init::new(device, seed)))
    }
}

/// CLIP's text encoder: a causal transformer.
#[derive(Module, Debug)]
pub struct ClipText {
    token_embedding: Embedding,
    position_embedding: Embedding,
    layers: Vec<Layer>,
    final_layer_norm: LayerNorm,
    text_projection: Option<Linear>,
    #[module(skip)]
    end_token: EndToken,
}

/// What a [`ClipText`] makes of tokens.
#[derive(Clone, Debug)]
pub struct ClipStates {
    /// The embedded tokens, then the output of each layer, before the last norm: `[B, T, C]` each.
    pub layers: Vec<Tensor<3>>,
    /// The output of the last layer behind the last norm: `[B, T, C]`.
    pub last: Tensor<3>,
    /// The same at the end token: `[B, C]`.
    pub pooled: Tensor<2>,
    /// That, projected: `[B, projection]`.
    pub projected: Option<Tensor<2>>,
}

impl ClipText {
    fn new(config: &ClipTextConfig, init: &mut Init<'_>) -> Self {
        let head_channels = config.channels / config.heads;
        let attention = AttentionConfig {
            channels: config.channels,
            heads: config.heads,
            head_channels,
            qkv_bias: true,
            out_bias: true,
            scale: 1.0 / (head_channels as f64).sqrt(),
        };
        let layer = LayerConfig {
            attention,
            inner: config.inner,
            activation: config.activation,
            norm_eps: config.norm_eps,
        };
        Self {
            token_embedding: init.embedding(config.vocabulary, config.channels),
            position_embedding: init.embedding(config.context, config.channels),
            layers: (0..config.layers).map(|_| Layer::new(layer, init)).collect(),
            final_layer_norm: layer_norm(config.channels, config.norm_eps, init),
            text_projection: config
                .projection
                .map(|outputs| init.linear_without_bias(config.channels, outputs)),
            end_token: config.end_token,
        }
    }

    /// # Shapes
    ///
    /// - `ids`: `[B, T]`, tokens of the vocabulary, no more than the context
    /// - `mask`: `[B, T]`, 1 for a token and 0 for what is not to be seen; all is seen without it
    pub fn forward(&self, ids: Tensor<2, Int>, mask: Option<Tensor<2, Int>>) -> ClipStates {
        let [_, length] = ids.dims();
        let device = ids.device();
        let positions = Tensor::<1, Int>::arange(0..length as i64, &device).unsqueeze::<2>();
        let x = self.token_embedding.forward(ids.clone()) + self.position_embedding.forward(positions);
        let bias = causal_bias(mask, length, &device, x.dtype());
        let mut layers = vec![x.clone()];
        let mut x = x;
        for layer in &self.layers {
            x = layer.forward(x, Some(&bias));
            layers.push(x.clone());
        }
        let last = self.final_layer_norm.forward(x);
        let pooled = self.pool(&ids, last.clone());
        let projected = self.text_projection.as_ref().map(|layer| layer.forward(pooled.clone()));
        ClipStates { layers, last, pooled, projected }
    }

    /// The states with the last `skipped` layers left out, behind the last norm: Stable Diffusion's "clip skip". None if
    /// there are not so many layers.
    ///
    /// # Shapes
    ///
    /// - output: `[B, T, C]`
    pub fn skipping(&self, states: &ClipStates, skipped: usize) -> Option<Tensor<3>> {
        let layer = self.layers.len().checked_sub(skipped)?;
        Some(self.final_layer_norm.forward(states.layers[layer].clone()))
    }

    /// The longest sequence.
    pub fn context(&self) -> usize {
        self.position_embedding.weight.dims()[0]
    }

    fn pool(&self, ids: &Tensor<2, Int>, last: Tensor<3>) -> Tensor<2> {
        let [batch, _, channels] = last.dims();
        let ends = match self.end_token {
            EndToken::Largest => ids.clone().argmax(1),
            EndToken::Id(id) => ids.clone().equal_scalar(id as i64).int().argmax(1),
        };
        last.gather(1, ends.reshape([batch, 1, 1]).expand([batch, 1, channels])).squeeze_dim(1)
    }
}

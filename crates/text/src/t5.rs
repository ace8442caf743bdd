use burn::module::Module;
use burn::nn::{Embedding, Linear, RmsNorm, RmsNormConfig};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use unet::Init;

use crate::attention::{AttentionConfig, SelfAttention};
use crate::error::{check_counts, check_eps};
use crate::mask::padding_bias;
use crate::relative_positions::bucket;
use crate::{TextActivation, TextError};

/// The shape of a [`T5Encoder`]. The default is that of T5 v1.1's small one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct T5Config {
    /// Tokens there are.
    pub vocabulary: usize,
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
    /// Whether their inner channels are multiplied by as many others (Shazeer 2020, arXiv 2002.05202).
    pub gated: bool,
    /// Buckets of relative positions.
    pub buckets: usize,
    /// The distance from which on positions share a bucket.
    pub farthest: usize,
    /// Added to the mean square in the norms.
    pub norm_eps: f64,
}

impl Default for T5Config {
    fn default() -> Self {
        Self {
            vocabulary: 32128,
            channels: 512,
            inner: 1024,
            layers: 8,
            heads: 6,
            head_channels: 64,
            activation: TextActivation::GeluTanh,
            gated: true,
            buckets: 32,
            farthest: 128,
            norm_eps: 1e-6,
        }
    }
}

impl T5Config {
    /// Makes the network; its weights depend on the seed alone.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn init(&self, device: &Device, seed: u64) -> Result<T5Encoder, TextError> {
        check_counts(&[
            ("vocabulary", self.vocabulary),
            ("channels", self.channels),
            ("inner", self.inner),
            ("layers", self.layers),
            ("heads", self.heads),
            ("head_channels", self.head_channels),
        ])?;
        check_eps(self.norm_eps)?;
        if self.buckets < 4 || self.farthest <= self.buckets / 4 {
            return Err(TextError::Buckets { buckets: self.buckets, distance: self.farthest });
        }
        Ok(T5Encoder::new(self, &mut Init::new(device, seed)))
    }
}

/// T5's encoder: a transformer that knows positions by their distance, a bias of attention that all layers share.
#[derive(Module, Debug)]
pub struct T5Encoder {
    shared: Embedding,
    relative_attention_bias: Embedding,
    block: Vec<T5Block>,
    final_layer_norm: RmsNorm,
    buckets: usize,
    farthest: usize,
}

#[derive(Module, Debug)]
struct T5Block {
    attention_norm: RmsNorm,
    attention: SelfAttention,
    feed_forward_norm: RmsNorm,
    feed_forward: FeedForward,
}

#[derive(Module, Debug)]
struct FeedForward {
    wi: Linear,
    /// What the activated channels are multiplied by.
    gate: Option<Linear>,
    wo: Linear,
    #[module(skip)]
    activation: TextActivation,
}

impl T5Encoder {
    fn new(config: &T5Config, init: &mut Init<'_>) -> Self {
        Self {
            shared: init.embedding(config.vocabulary, config.channels),
            relative_attention_bias: init.embedding(config.buckets, config.heads),
            block: (0..config.layers).map(|_| T5Block::new(config, init)).collect(),
            final_layer_norm: rms_norm(config, init),
            buckets: config.buckets,
            farthest: config.farthest,
        }
    }

    /// The output of the last layer behind the last norm.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[B, T]`, tokens of the vocabulary
    /// - `mask`: `[B, T]`, 1 for a token and 0 for padding; all is seen without it
    /// - output: `[B, T, C]`
    pub fn forward(&self, ids: Tensor<2, Int>, mask: Option<Tensor<2, Int>>) -> Tensor<3> {
        let bias = self.bias(&ids, mask);
        let x = self.block.iter().fold(self.shared.forward(ids), |x, block| block.forward(x, &bias));
        self.final_layer_norm.forward(x)
    }

    /// The embedded tokens, the output of each layer but the last, and that of [`forward`](Self::forward).
    ///
    /// # Shapes
    ///
    /// - as in [`forward`](Self::forward)
    pub fn states(&self, ids: Tensor<2, Int>, mask: Option<Tensor<2, Int>>) -> Vec<Tensor<3>> {
        let bias = self.bias(&ids, mask);
        let mut x = self.shared.forward(ids);
        let mut states = Vec::new();
        for block in &self.block {
            states.push(x.clone());
            x = block.forward(x, &bias);
        }
        states.push(self.final_layer_norm.forward(x));
        states
    }

    /// What is added to the products of all layers: `[1 or B, heads, T, T]`.
    fn bias(&self, ids: &Tensor<2, Int>, mask: Option<Tensor<2, Int>>) -> Tensor<4> {
        let [_, length] = ids.dims();
        let bias = self.position_bias(length, &ids.device());
        match mask {
            Some(mask) => {
                let padding = padding_bias(mask, bias.dtype());
                bias + padding
            }
            None => bias,
        }
    }

    /// `[1, heads, T, T]`
    fn position_bias(&self, length: usize, device: &Device) -> Tensor<4> {
        let pairs = (0..length).flat_map(|query| (0..length).map(move |key| (key, query)));
        let buckets: Vec<i64> =
            pairs.map(|(key, query)| bucket(key, query, self.buckets, self.farthest) as i64).collect();
        let buckets = Tensor::<1, Int>::from_ints(buckets.as_slice(), device).reshape([length, length]);
        self.relative_attention_bias.forward(buckets).permute([2, 0, 1]).unsqueeze()
    }
}

impl T5Block {
    fn new(config: &T5Config, init: &mut Init<'_>) -> Self {
        // T5 has no scale: it is in the initial weights.
        let attention = AttentionConfig {
            channels: config.channels,
            heads: config.heads,
            head_channels: config.head_channels,
            qkv_bias: false,
            out_bias: false,
            scale: 1.0,
        };
        Self {
            attention_norm: rms_norm(config, init),
            attention: SelfAttention::new(attention, init),
            feed_forward_norm: rms_norm(config, init),
            feed_forward: FeedForward {
                wi: init.linear_without_bias(config.channels, config.inner),
                gate: config.gated.then(|| init.linear_without_bias(config.channels, config.inner)),
                wo: init.linear_without_bias(config.inner, config.channels),
                activation: config.activation,
            },
        }
    }

    fn forward(&self, x: Tensor<3>, bias: &Tensor<4>) -> Tensor<3> {
        let x = x.clone() + self.attention.forward(self.attention_norm.forward(x), Some(bias));
        x.clone() + self.feed_forward.forward(self.feed_forward_norm.forward(x))
    }
}

impl FeedForward {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let h = self.activation.apply(self.wi.forward(x.clone()));
        let h = match &self.gate {
            Some(gate) => h * gate.forward(x),
            None => h,
        };
        self.wo.forward(h)
    }
}

fn rms_norm(config: &T5Config, init: &Init<'_>) -> RmsNorm {
    RmsNormConfig::new(config.channels).with_epsilon(config.norm_eps).init(init.device())
}

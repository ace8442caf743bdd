use burn::module::Module;
use burn::nn::{GroupNorm, LayerNorm, Linear};
use burn::tensor::Tensor;

use crate::context::Context;
use crate::init::Init;
use crate::{UNetConfig, ops};

/// Added to the variance in the norm before the transformer blocks.
const NORM_EPS: f64 = 1e-6;

/// Transformer blocks on an image's pixels, added to the image (Rombach et al. 2022, appendix E.2.1).
#[derive(Module, Debug)]
pub(crate) struct Transformer {
    norm: GroupNorm,
    proj_in: Linear,
    transformer_blocks: Vec<TransformerBlock>,
    proj_out: Linear,
}

impl Transformer {
    /// `depth` blocks with `heads` heads; with `context_only`, pixels do not attend to each other.
    pub(crate) fn new(
        config: &UNetConfig,
        channels: usize,
        depth: usize,
        heads: usize,
        context_only: bool,
        init: &mut Init<'_>,
    ) -> Self {
        let context_channels = config.context.map_or(channels, |context| context.channels);
        let first = if context_only { context_channels } else { channels };
        let block = |init: &mut Init<'_>| TransformerBlock {
            norm1: init.layer_norm(channels),
            attn1: CrossAttention::new(channels, first, heads, init),
            norm2: init.layer_norm(channels),
            attn2: CrossAttention::new(channels, context_channels, heads, init),
            norm3: init.layer_norm(channels),
            ff: FeedForward::new(channels, init),
            context_only,
        };
        Self {
            norm: init.group_norm_with(NORM_EPS, config.groups_of(channels), channels),
            proj_in: init.linear(channels, channels),
            transformer_blocks: (0..depth).map(|_| block(init)).collect(),
            proj_out: init.zero_linear(channels, channels),
        }
    }

    /// Without a context, pixels attend to each other twice.
    ///
    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    pub(crate) fn forward(&self, x: Tensor<4>, context: Option<&Context>) -> Tensor<4> {
        let shape = x.dims();
        let pixels = ops::group_norm(&self.norm, x.clone()).flatten::<3>(2, 3);
        let mut pixels = ops::project(&self.proj_in, pixels);
        for block in &self.transformer_blocks {
            pixels = block.forward(pixels, context);
        }
        x + ops::project(&self.proj_out, pixels).reshape(shape)
    }
}

/// Self-attention, attention to the context and a feed-forward network, each behind a norm and added to its input.
#[derive(Module, Debug)]
struct TransformerBlock {
    norm1: LayerNorm,
    attn1: CrossAttention,
    norm2: LayerNorm,
    attn2: CrossAttention,
    norm3: LayerNorm,
    ff: FeedForward,
    context_only: bool,
}

impl TransformerBlock {
    /// # Shapes
    ///
    /// - `x` and output: `[B, C, pixels]`
    fn forward(&self, x: Tensor<3>, context: Option<&Context>) -> Tensor<3> {
        // The reference library masks the second attention alone.
        let first =
            context.filter(|_| self.context_only).map(|context| Context { bias: None, ..context.clone() });
        let x = x.clone() + self.attn1.forward(ops::layer_norm(&self.norm1, x), first.as_ref());
        let x = x.clone() + self.attn2.forward(ops::layer_norm(&self.norm2, x), context);
        x.clone() + self.ff.forward(ops::layer_norm(&self.norm3, x))
    }
}

/// Attention of pixels to a context, or to each other.
#[derive(Module, Debug)]
struct CrossAttention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
}

impl CrossAttention {
    fn new(channels: usize, context_channels: usize, heads: usize, init: &mut Init<'_>) -> Self {
        Self {
            to_q: init.linear_without_bias(channels, channels),
            to_k: init.linear_without_bias(context_channels, channels),
            to_v: init.linear_without_bias(context_channels, channels),
            to_out: init.linear(channels, channels),
            heads,
        }
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, C, pixels]`
    fn forward(&self, x: Tensor<3>, context: Option<&Context>) -> Tensor<3> {
        let (tokens, bias) = match context {
            Some(Context { tokens, bias }) => (tokens.clone(), bias.clone()),
            None => (x.clone(), None),
        };
        let q = ops::project(&self.to_q, x);
        let k = ops::project(&self.to_k, tokens.clone());
        let v = ops::project(&self.to_v, tokens);
        ops::project(&self.to_out, ops::biased_attention(q, k, v, bias, self.heads))
    }
}

/// Two linear layers with a gated GELU between them (Shazeer 2020, arXiv 2002.05202, "GEGLU").
#[derive(Module, Debug)]
struct FeedForward {
    gated: Linear,
    out: Linear,
}

impl FeedForward {
    fn new(channels: usize, init: &mut Init<'_>) -> Self {
        Self { gated: init.linear(channels, 8 * channels), out: init.linear(4 * channels, channels) }
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, C, pixels]`
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        ops::project(&self.out, ops::geglu(ops::project(&self.gated, x)))
    }
}

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use unet::Init;

/// Attention of a sequence's positions to each other.
#[derive(Module, Debug)]
pub(crate) struct SelfAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: usize,
    scale: f64,
}

/// What distinguishes the attention of the encoders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttentionConfig {
    /// Channels of the sequence.
    pub(crate) channels: usize,
    /// Heads.
    pub(crate) heads: usize,
    /// Channels of one head.
    pub(crate) head_channels: usize,
    /// Whether queries, keys and values have a bias.
    pub(crate) qkv_bias: bool,
    /// Whether the output has one.
    pub(crate) out_bias: bool,
    /// What the products of queries and keys are multiplied by.
    pub(crate) scale: f64,
}

impl SelfAttention {
    pub(crate) fn new(config: AttentionConfig, init: &mut Init<'_>) -> Self {
        let inner = config.heads * config.head_channels;
        let mut linear = |bias: bool, inputs: usize, outputs: usize| {
            if bias { init.linear(inputs, outputs) } else { init.linear_without_bias(inputs, outputs) }
        };
        Self {
            q_proj: linear(config.qkv_bias, config.channels, inner),
            k_proj: linear(config.qkv_bias, config.channels, inner),
            v_proj: linear(config.qkv_bias, config.channels, inner),
            out_proj: linear(config.out_bias, inner, config.channels),
            heads: config.heads,
            scale: config.scale,
        }
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, T, C]`
    /// - `bias`: what is added to the products, `[B, heads, T, T]`, where the first two may be 1
    pub(crate) fn forward(&self, x: Tensor<3>, bias: Option<&Tensor<4>>) -> Tensor<3> {
        let [q, k, v] = [&self.q_proj, &self.k_proj, &self.v_proj].map(|layer| self.split(layer, &x));
        let products = (q * self.scale).matmul(k.transpose());
        let products = match bias {
            Some(bias) => products + bias.clone(),
            None => products,
        };
        let mixed = softmax(products, 3).matmul(v).swap_dims(1, 2);
        let [batch, length, heads, channels] = mixed.dims();
        self.out_proj.forward(mixed.reshape([batch, length, heads * channels]))
    }

    /// `[B, heads, T, channels of a head]`
    fn split(&self, layer: &Linear, x: &Tensor<3>) -> Tensor<4> {
        let y = layer.forward(x.clone());
        let [batch, length, channels] = y.dims();
        y.reshape([batch, length, self.heads, channels / self.heads]).swap_dims(1, 2)
    }
}

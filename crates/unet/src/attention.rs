use burn::module::Module;
use burn::nn::{GroupNorm, Linear};
use burn::tensor::Tensor;

use crate::init::Init;
use crate::{UNetConfig, ops};

/// Self-attention of an image's pixels, added to the image (Ho et al. 2020, appendix B).
#[derive(Module, Debug)]
pub(crate) struct Attention {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
}

impl Attention {
    pub(crate) fn new(config: &UNetConfig, channels: usize, init: &mut Init<'_>) -> Self {
        Self {
            group_norm: init.group_norm(config, channels),
            to_q: init.linear(channels, channels),
            to_k: init.linear(channels, channels),
            to_v: init.linear(channels, channels),
            to_out: init.zero_linear(channels, channels),
            heads: config.heads(channels),
        }
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = x.dims();
        let pixels = ops::group_norm(&self.group_norm, x.clone()).flatten::<3>(2, 3).swap_dims(1, 2);
        let q = self.split_heads(self.to_q.forward(pixels.clone()));
        let k = self.split_heads(self.to_k.forward(pixels.clone()));
        let v = self.split_heads(self.to_v.forward(pixels));
        let mixed = ops::attention(q, k, v).swap_dims(1, 2).flatten::<3>(2, 3);
        x + self.to_out.forward(mixed).swap_dims(1, 2).reshape([batch, channels, height, width])
    }

    /// `[B, positions, C]` to `[B, heads, positions, C / heads]`.
    fn split_heads(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, positions, channels] = x.dims();
        x.reshape([batch, positions, self.heads, channels / self.heads]).swap_dims(1, 2)
    }
}

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
        let shape = x.dims();
        let pixels = ops::group_norm(&self.group_norm, x.clone()).flatten::<3>(2, 3);
        let [q, k, v] = [&self.to_q, &self.to_k, &self.to_v].map(|layer| ops::project(layer, pixels.clone()));
        x + ops::project(&self.to_out, ops::attention(q, k, v, self.heads)).reshape(shape)
    }
}

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use unet::Init;

use crate::norm::{Norm, NormKind};

/// Self-attention of an image's pixels in one head, added to the image.
#[derive(Module, Debug)]
pub(crate) struct Attention {
    norm: Norm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
}

impl Attention {
    pub(crate) fn new(norm: NormKind, channels: usize, init: &mut Init<'_>) -> Self {
        Self {
            norm: norm.init(channels, init),
            to_q: init.linear(channels, channels),
            to_k: init.linear(channels, channels),
            to_v: init.linear(channels, channels),
            to_out: init.linear(channels, channels),
        }
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    /// - `latent`: as in [`Norm::forward`]
    pub(crate) fn forward(&self, x: Tensor<4>, latent: &Tensor<4>) -> Tensor<4> {
        let shape = x.dims();
        let pixels = self.norm.forward(x.clone(), latent).flatten::<3>(2, 3);
        let [q, k, v] =
            [&self.to_q, &self.to_k, &self.to_v].map(|layer| kernels::project(layer, pixels.clone()));
        x + kernels::project(&self.to_out, kernels::attention(q, k, v, 1)).reshape(shape)
    }
}

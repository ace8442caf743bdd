use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use unet::{Activation, Init};

use crate::norm::{Norm, NormKind};

/// A residual block: two 3x3 convolutions, each behind a norm and an activation.
///
/// That of `unet` is conditioned on time between its convolutions; this one on nothing, or on the latent in its norms.
#[derive(Module, Debug)]
pub(crate) struct ResBlock {
    norm1: Norm,
    conv1: Conv2d,
    norm2: Norm,
    conv2: Conv2d,
    /// 1x1, where the number of channels changes.
    conv_shortcut: Option<Conv2d>,
    #[module(skip)]
    activation: Activation,
}

/// What the blocks of an encoder or a decoder have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockKind {
    pub(crate) norm: NormKind,
    pub(crate) activation: Activation,
}

impl ResBlock {
    pub(crate) fn new(kind: BlockKind, inputs: usize, outputs: usize, init: &mut Init<'_>) -> Self {
        Self {
            norm1: kind.norm.init(inputs, init),
            conv1: init.conv([inputs, outputs], 3),
            norm2: kind.norm.init(outputs, init),
            conv2: init.conv([outputs, outputs], 3),
            conv_shortcut: (inputs != outputs).then(|| init.conv([inputs, outputs], 1)),
            activation: kind.activation,
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[B, inputs, H, W]`
    /// - `latent`: as in [`Norm::forward`]
    /// - output: `[B, outputs, H, W]`
    pub(crate) fn forward(&self, x: Tensor<4>, latent: &Tensor<4>) -> Tensor<4> {
        let h = kernels::conv2d(&self.conv1, self.norm1.activated(self.activation, x.clone(), latent));
        let h = kernels::conv2d(&self.conv2, self.norm2.activated(self.activation, h, latent));
        match &self.conv_shortcut {
            Some(conv) => kernels::conv2d(conv, x) + h,
            None => x + h,
        }
    }
}

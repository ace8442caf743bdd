use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;

use crate::init::Init;
use crate::resblock::ResBlock;
use crate::{DownsamplePadding, Resample, UNetConfig, ops};

/// A change of resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Same,
    Half,
    Double,
}

impl Scale {
    /// Without parameters: by averaging or repeating pixels.
    pub(crate) fn apply(self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Same => x,
            Self::Half => ops::halve(x),
            Self::Double => ops::double(x),
        }
    }
}

/// The layer between two levels: a convolution, a residual block, or neither.
#[derive(Module, Debug)]
pub(crate) struct Resampler {
    conv: Option<Conv2d>,
    block: Option<ResBlock>,
    #[module(skip)]
    scale: Scale,
}

impl Resampler {
    pub(crate) fn new(config: &UNetConfig, channels: usize, scale: Scale, init: &mut Init<'_>) -> Self {
        let (conv, block) = match config.resample {
            Resample::Conv => (Some(resampling_conv(config, channels, scale, init)), None),
            Resample::Pool => (None, None),
            Resample::Block => (None, Some(ResBlock::new(config, [channels, channels], scale, init))),
        };
        Self { conv, block, scale }
    }

    /// # Shapes
    ///
    /// - `x`: `[B, C, H, W]`
    /// - `emb`: `[B, time_channels]`, activated
    /// - output: `[B, C, H/2, W/2]` or `[B, C, 2H, 2W]`
    pub(crate) fn forward(&self, x: Tensor<4>, emb: Tensor<2>) -> Tensor<4> {
        match (&self.block, &self.conv) {
            (Some(block), _) => block.forward(x, emb),
            (None, Some(conv)) if self.scale == Scale::Half => ops::conv(conv, x),
            (None, Some(conv)) => ops::conv(conv, self.scale.apply(x)),
            (None, None) => self.scale.apply(x),
        }
    }
}

/// Going down the convolution itself has stride 2; going up it follows the repeated pixels.
fn resampling_conv(config: &UNetConfig, channels: usize, scale: Scale, init: &mut Init<'_>) -> Conv2d {
    let conv = init.conv([channels, channels], 3);
    if scale != Scale::Half {
        return conv;
    }
    let padding = match config.downsample_padding {
        DownsamplePadding::Asymmetric => PaddingConfig2d::Explicit(0, 0, 1, 1),
        DownsamplePadding::Symmetric => PaddingConfig2d::Explicit(1, 1, 1, 1),
    };
    Conv2d { stride: [2, 2], padding, ..conv }
}

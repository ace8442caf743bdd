use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;

use crate::init::Init;
use crate::resblock::{ResBlock, ResBlockConfig};
use crate::{DownsamplePadding, Resample, UNetConfig, ops};

/// A change of resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Same,
    Half(Filter),
    Double(Filter),
}

/// How pixels are averaged or repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Squares of 2x2 pixels.
    Box,
    /// The binomial filter `[1, 3, 3, 1]`.
    Fir,
}

impl Scale {
    /// Without parameters: by averaging or repeating pixels.
    pub(crate) fn apply(self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Same => x,
            Self::Half(Filter::Box) => ops::halve(x),
            Self::Half(Filter::Fir) => ops::halve_filtered(x),
            Self::Double(Filter::Box) => ops::double(x),
            Self::Double(Filter::Fir) => ops::double_filtered(x),
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
    /// `direction` is [`Scale::Half`] or [`Scale::Double`].
    pub(crate) fn new(
        config: &UNetConfig,
        resample: Resample,
        channels: usize,
        direction: fn(Filter) -> Scale,
        init: &mut Init<'_>,
    ) -> Self {
        let scale = direction(if resample == Resample::Skip { Filter::Fir } else { Filter::Box });
        let (conv, block) = match resample {
            Resample::Conv => (Some(resampling_conv(config, channels, scale, init)), None),
            Resample::Pool => (None, None),
            Resample::Block | Resample::Skip => {
                let block =
                    ResBlockConfig::new(channels, channels).with_resample(config, resample).with_scale(scale);
                (None, Some(block.init(config, init)))
            }
        };
        Self { conv, block, scale }
    }

    /// To half the height and width; what is odd is rounded as the padding of the convolution has it.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, C, H, W]`
    /// - `emb`: `[B, time_channels]`
    /// - output: `[B, C, H/2, W/2]`
    pub(crate) fn halve(&self, x: Tensor<4>, emb: Tensor<2>) -> Tensor<4> {
        match (&self.block, &self.conv) {
            (Some(block), _) => block.forward(x, emb),
            (None, Some(conv)) => ops::conv(conv, x),
            (None, None) => self.scale.apply(x),
        }
    }

    /// To double the height and width, less a row or a column where `size` is odd.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, C, H/2, W/2]`
    /// - `emb`: `[B, time_channels]`
    /// - output: `[B, C, H, W]`, where `size` is H and W
    pub(crate) fn double(&self, x: Tensor<4>, emb: Tensor<2>, size: [usize; 2]) -> Tensor<4> {
        match (&self.block, &self.conv) {
            (Some(block), _) => ops::crop(block.forward(x, emb), size),
            (None, Some(conv)) => ops::conv(conv, ops::crop(self.scale.apply(x), size)),
            (None, None) => ops::crop(self.scale.apply(x), size),
        }
    }
}

/// Going down the convolution itself has stride 2; going up it follows the repeated pixels.
fn resampling_conv(config: &UNetConfig, channels: usize, scale: Scale, init: &mut Init<'_>) -> Conv2d {
    let conv = init.conv([channels, channels], 3);
    if scale != Scale::Half(Filter::Box) {
        return conv;
    }
    let padding = match config.downsample_padding {
        DownsamplePadding::Asymmetric => PaddingConfig2d::Explicit(0, 0, 1, 1),
        DownsamplePadding::Symmetric => PaddingConfig2d::Explicit(1, 1, 1, 1),
    };
    Conv2d { stride: [2, 2], padding, ..conv }
}

use burn::module::Module;
use burn::nn::GroupNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;

use crate::init::Init;
use crate::resblock::skip_groups;
use crate::{UNetConfig, ops};

/// Where the input image, halved from level to level, joins the features on the way down (NCSN++'s "input skip",
/// Song et al. 2021, appendix H).
#[derive(Module, Debug)]
pub(crate) struct InputSkip {
    skip_conv: Conv2d,
}

impl InputSkip {
    pub(crate) fn new(config: &UNetConfig, channels: usize, init: &mut Init<'_>) -> Self {
        Self { skip_conv: init.conv([config.in_channels, channels], 1) }
    }

    /// The features with the halved image added to them, and that image.
    ///
    /// # Shapes
    ///
    /// - `x` and its output: `[B, C, H, W]`
    /// - `image`: `[B, in_channels, 2H, 2W]`, and its output half of that
    pub(crate) fn forward(&self, x: Tensor<4>, image: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let image = ops::halve_filtered(image);
        (x + ops::conv(&self.skip_conv, image.clone()), image)
    }
}

/// Where the features of a level on the way up add to the output image, doubled from level to level ("output skip").
#[derive(Module, Debug)]
pub(crate) struct OutputSkip {
    skip_norm: GroupNorm,
    skip_conv: Conv2d,
}

impl OutputSkip {
    pub(crate) fn new(config: &UNetConfig, channels: usize, init: &mut Init<'_>) -> Self {
        Self {
            skip_norm: init.group_norm_of(config, skip_groups(channels), channels),
            skip_conv: init.conv([channels, config.out_channels], 3),
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[B, C, H, W]`
    /// - output: `[B, out_channels, H, W]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        ops::conv(&self.skip_conv, ops::group_norm_silu(&self.skip_norm, x))
    }
}

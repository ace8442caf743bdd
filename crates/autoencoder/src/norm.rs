use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{GroupNorm, GroupNormConfig};
use burn::tensor::Tensor;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use unet::{Activation, Init};

use crate::config::SPATIAL_GROUPS;

/// Added to the variance in every norm.
const EPSILON: f64 = 1e-6;

/// A group norm, with scales and shifts that are constants or made of the latent.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "a network has few of them, and parameters are not boxed")]
pub(crate) enum Norm {
    Group(GroupNorm),
    Spatial(SpatialNorm),
}

/// A group norm whose output is scaled and shifted, at each pixel, by the latent that it decodes (MoVQ: Zheng et al. 2022,
/// arXiv 2209.09002, equation 5).
#[derive(Module, Debug)]
pub(crate) struct SpatialNorm {
    norm_layer: GroupNorm,
    conv_y: Conv2d,
    conv_b: Conv2d,
}

/// How the norms of an encoder or a decoder are made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NormKind {
    Group {
        groups: usize,
    },
    /// By a latent of so many channels.
    Spatial {
        latent_channels: usize,
    },
}

impl NormKind {
    pub(crate) fn init(self, channels: usize, init: &mut Init<'_>) -> Norm {
        match self {
            Self::Group { groups } => Norm::Group(group_norm(groups, channels, init)),
            Self::Spatial { latent_channels } => Norm::Spatial(SpatialNorm {
                norm_layer: group_norm(SPATIAL_GROUPS, channels, init),
                conv_y: init.conv([latent_channels, channels], 1),
                conv_b: init.conv([latent_channels, channels], 1),
            }),
        }
    }
}

fn group_norm(groups: usize, channels: usize, init: &Init<'_>) -> GroupNorm {
    GroupNormConfig::new(groups, channels).with_epsilon(EPSILON).init(init.device())
}

impl Norm {
    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    /// - `latent`: `[B, latent channels, h, w]`, which only a norm that is modulated by it reads
    pub(crate) fn forward(&self, x: Tensor<4>, latent: &Tensor<4>) -> Tensor<4> {
        match self {
            Self::Group(norm) => kernels::group_norm(norm, x),
            Self::Spatial(norm) => norm.forward(x, latent),
        }
    }

    /// The same behind an activation.
    pub(crate) fn activated(&self, activation: Activation, x: Tensor<4>, latent: &Tensor<4>) -> Tensor<4> {
        match self {
            Self::Group(norm) => activation.group_norm(norm, x),
            Self::Spatial(norm) => activation.apply(norm.forward(x, latent)),
        }
    }
}

impl SpatialNorm {
    fn forward(&self, x: Tensor<4>, latent: &Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = x.dims();
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([height, width]);
        // A 1x1 convolution sees one pixel at a time, so that it may come before the repetition of pixels.
        let [scale, shift] = [&self.conv_y, &self.conv_b]
            .map(|conv| interpolate(kernels::conv2d(conv, latent.clone()), options.clone()));
        kernels::group_norm(&self.norm_layer, x) * scale + shift
    }
}

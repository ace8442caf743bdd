use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{GroupNorm, GroupNormConfig, PaddingConfig2d};
use burn::tensor::activation::leaky_relu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use unet::Init;

/// Slope of the activation below zero.
const SLOPE: f64 = 0.2;

/// Channels of a group of the norms.
const GROUP: usize = 16;

/// The shape of a [`PatchDiscriminator`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Channels of the first layer, a multiple of 16; each further one has twice as many, up to eight times.
    pub channels: usize,
    /// Layers that halve the resolution: a verdict sees a patch of 16 pixels with one, 34 with two, 70 with three.
    pub halvings: usize,
}

impl Default for DiscriminatorConfig {
    fn default() -> Self {
        Self { channels: 64, halvings: 2 }
    }
}

impl DiscriminatorConfig {
    /// Makes the network for images of so many channels; its weights depend on the seed alone.
    pub fn init(&self, image_channels: usize, device: &Device, seed: u64) -> PatchDiscriminator {
        let mut init = Init::new(device, seed);
        let width = |layer: usize| self.channels << layer.min(3);
        let mut layers = Vec::new();
        for layer in 1..=self.halvings {
            let stride = if layer < self.halvings { 2 } else { 1 };
            layers.push(PatchLayer {
                conv: patch_conv(stride, [width(layer - 1), width(layer)], &mut init),
                norm: GroupNormConfig::new((width(layer) / GROUP).max(1), width(layer)).init(device),
            });
        }
        PatchDiscriminator {
            first: patch_conv(2, [image_channels, width(0)], &mut init),
            layers,
            last: patch_conv(1, [width(self.halvings), 1], &mut init),
        }
    }
}

/// Tells patches of images from those of reconstructions (Isola et al. 2017, arXiv 1611.07004), with group norms, whose
/// answer for an image does not depend on the others of its batch.
#[derive(Module, Debug)]
pub struct PatchDiscriminator {
    first: Conv2d,
    layers: Vec<PatchLayer>,
    last: Conv2d,
}

#[derive(Module, Debug)]
struct PatchLayer {
    conv: Conv2d,
    norm: GroupNorm,
}

/// 4x4, with a pixel of padding.
fn patch_conv(stride: usize, channels: [usize; 2], init: &mut Init<'_>) -> Conv2d {
    let conv = init.conv(channels, 4);
    Conv2d { stride: [stride; 2], padding: PaddingConfig2d::Explicit(1, 1, 1, 1), ..conv }
}

impl PatchDiscriminator {
    /// How much each patch looks like that of an image.
    ///
    /// # Shapes
    ///
    /// - `image`: `[B, C, H, W]`
    /// - output: `[B, 1, patches, patches]`
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let mut x = leaky_relu(kernels::conv2d(&self.first, image), SLOPE);
        for PatchLayer { conv, norm } in &self.layers {
            x = leaky_relu(kernels::group_norm(norm, kernels::conv2d(conv, x)), SLOPE);
        }
        kernels::conv2d(&self.last, x)
    }

    /// The hinge loss of its verdicts (Lim and Ye 2017, arXiv 1705.02894): `[1]`.
    pub fn hinge_loss(&self, images: Tensor<4>, reconstructions: Tensor<4>) -> Tensor<1> {
        let beyond = |verdict: Tensor<4>| burn::tensor::activation::relu(verdict + 1.0).mean();
        (beyond(-self.forward(images)) + beyond(self.forward(reconstructions))) * 0.5
    }
}

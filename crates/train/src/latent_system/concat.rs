use autoencoder::TrunkConfig;
use burn::prelude::*;
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};
use serde::{Deserialize, Serialize};

use super::first_stage::FrozenFirstStage;

/// What a network is shown beside the latent that it denoises: further input channels (Rombach et al. 2022, section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcatConfig {
    /// A mask of what is to be drawn, and the latent of the image without it, as in Stable Diffusion's inpainting.
    Inpainting,
    /// The image at the size of the latent.
    SuperResolution,
}

/// Images of which the network is shown something.
#[derive(Clone, Debug)]
pub struct Shown {
    /// `[B, C, H, W]`, in `[-1, 1]`
    pub images: Tensor<4>,
    /// For inpainting: 1 where an image is to be drawn, 0 where it is known, `[B, 1, H, W]`.
    pub masks: Option<Tensor<4>>,
}

impl ConcatConfig {
    /// The further channels.
    pub(super) fn channels(self, latent: usize, trunk: &TrunkConfig) -> usize {
        match self {
            Self::Inpainting => 1 + latent,
            Self::SuperResolution => trunk.in_channels,
        }
    }
}

impl Shown {
    /// What is shown, as images `[B, C, H, W]`: what is to be drawn is grey, and what was averaged is in blocks.
    pub fn picture(self, factor: usize) -> Tensor<4> {
        match self.masks {
            Some(masks) => self.images * (masks * -1.0 + 1.0),
            None => {
                let small = reduced(self.images, factor);
                let scale = factor as f32;
                interpolate(
                    small,
                    InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([scale, scale]),
                )
            }
        }
    }

    /// The further channels of the network's input: `[B, channels, h, w]`.
    pub fn encoded(self, first_stage: &FrozenFirstStage) -> Tensor<4> {
        let Some(masks) = self.masks else {
            return reduced(self.images, first_stage.model.trunk().factor());
        };
        let known = self.images * (masks.clone() * -1.0 + 1.0);
        let latent = first_stage.encode(known);
        let [_, _, height, width] = latent.dims();
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([height, width]);
        Tensor::cat(vec![interpolate(masks, options), latent], 1)
    }
}

/// With the pixels of each latent pixel averaged.
fn reduced(images: Tensor<4>, factor: usize) -> Tensor<4> {
    avg_pool2d(images, AvgPoolOptions::new([factor, factor]).with_stride([factor, factor]))
}

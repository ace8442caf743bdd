//! The operations that the blocks are made of.
//!
//! They stand apart so that fused kernels can replace them in one place.

use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};

pub(crate) fn conv(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    kernels::conv2d(layer, x)
}

pub(crate) use kernels::{
    attention, bias_group_norm_silu, group_norm, group_norm_modulate_silu, group_norm_silu, project,
};

/// Averages each 2x2 square of pixels.
pub(crate) fn halve(x: Tensor<4>) -> Tensor<4> {
    avg_pool2d(x, AvgPoolOptions::new([2, 2]))
}

/// Repeats each pixel in a 2x2 square.
pub(crate) fn double(x: Tensor<4>) -> Tensor<4> {
    interpolate(x, InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]))
}

//! The operations that the blocks are made of.
//!
//! They stand apart so that fused kernels can replace them in one place.

use burn::nn::GroupNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::activation::{silu, softmax};
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};

pub(crate) fn conv(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    layer.forward(x)
}

/// A 1x1 convolution, as a matrix product: on CPU its gradient takes half the time of the convolution's.
pub(crate) fn pointwise(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let [batch, inputs, height, width] = x.dims();
    let outputs = layer.weight.dims()[0];
    let weight = layer.weight.val().reshape([1, outputs, inputs]);
    let y = weight.matmul(x.flatten::<3>(2, 3)).reshape([batch, outputs, height, width]);
    match &layer.bias {
        Some(bias) => y + bias.val().reshape([1, outputs, 1, 1]),
        None => y,
    }
}

/// `silu(norm(x))`
pub(crate) fn norm_silu(norm: &GroupNorm, x: Tensor<4>) -> Tensor<4> {
    silu(norm.forward(x))
}

/// `silu(norm(x) (1 + scale) + shift)` with one scale and shift `[B, C]` for each channel.
pub(crate) fn norm_modulate_silu(
    norm: &GroupNorm,
    x: Tensor<4>,
    scale: Tensor<2>,
    shift: Tensor<2>,
) -> Tensor<4> {
    silu(norm.forward(x) * (per_channel(scale) + 1.0) + per_channel(shift))
}

/// Adds `bias` `[B, C]` to every pixel of `x` `[B, C, H, W]`.
pub(crate) fn add_per_channel(x: Tensor<4>, bias: Tensor<2>) -> Tensor<4> {
    x + per_channel(bias)
}

/// Scaled dot-product attention, `softmax(q k^T / sqrt(d)) v` on `[B, heads, positions, d]`.
pub(crate) fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
    let d = q.dims()[3] as f64;
    softmax((q / d.sqrt()).matmul(k.transpose()), 3).matmul(v)
}

/// Averages each 2x2 square of pixels.
pub(crate) fn halve(x: Tensor<4>) -> Tensor<4> {
    avg_pool2d(x, AvgPoolOptions::new([2, 2]))
}

/// Repeats each pixel in a 2x2 square.
pub(crate) fn double(x: Tensor<4>) -> Tensor<4> {
    interpolate(x, InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]))
}

fn per_channel(x: Tensor<2>) -> Tensor<4> {
    let [batch, channels] = x.dims();
    x.reshape([batch, channels, 1, 1])
}

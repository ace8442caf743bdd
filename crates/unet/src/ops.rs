//! The operations that the blocks are made of.
//!
//! They stand apart so that fused kernels can replace them in one place.

use burn::nn::GroupNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::activation::{silu, softmax};
use burn::tensor::module::{avg_pool2d, conv_transpose2d, conv2d, interpolate};
use burn::tensor::ops::{
    AvgPoolOptions, ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions,
};

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
    silu(modulate(norm.forward(x), scale, shift))
}

/// `x (1 + scale) + shift` with one scale and shift `[B, C]` for each channel.
pub(crate) fn modulate(x: Tensor<4>, scale: Tensor<2>, shift: Tensor<2>) -> Tensor<4> {
    x * (per_channel(scale) + 1.0) + per_channel(shift)
}

/// `x / divisor`; most sums are divided by one.
pub(crate) fn divide(x: Tensor<4>, divisor: f64) -> Tensor<4> {
    if divisor == 1.0 { x } else { x / divisor }
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

/// Halves height and width behind the binomial filter `[1, 3, 3, 1]` (Zhang 2019, arXiv 1904.11486).
pub(crate) fn halve_filtered(x: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let planes = x.reshape([batch * channels, 1, height, width]);
    let weight = binomial(&planes, 1.0);
    let halved = conv2d(planes, weight, None, ConvOptions::new([2, 2], [1, 1], [1, 1], 1));
    halved.reshape([batch, channels, height / 2, width / 2])
}

/// Doubles height and width with the same filter, which keeps the mean.
pub(crate) fn double_filtered(x: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let planes = x.reshape([batch * channels, 1, height, width]);
    let weight = binomial(&planes, 4.0);
    let options = ConvTransposeOptions::new([2, 2], [1, 1], [0, 0], [1, 1], 1);
    conv_transpose2d(planes, weight, None, options).reshape([batch, channels, 2 * height, 2 * width])
}

/// The filter as a kernel `[1, 1, 4, 4]` whose entries add up to `sum`.
fn binomial(like: &Tensor<4>, sum: f64) -> Tensor<4> {
    let row = Tensor::<1>::from_floats([0.125, 0.375, 0.375, 0.125], &like.device()).cast(like.dtype());
    (row.clone().reshape([1, 1, 4, 1]) * row.reshape([1, 1, 1, 4])) * sum
}

fn per_channel(x: Tensor<2>) -> Tensor<4> {
    let [batch, channels] = x.dims();
    x.reshape([batch, channels, 1, 1])
}

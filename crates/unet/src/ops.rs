//! The operations that the blocks are made of.
//!
//! They stand apart so that fused kernels can replace them in one place.

use burn::nn::LayerNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

/// Added to the variance in every layer norm.
pub(crate) const LAYER_NORM_EPS: f64 = 1e-5;

pub(crate) fn conv(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    kernels::conv2d(layer, x)
}

pub(crate) use kernels::{
    attention, bias_group_norm_silu, biased_attention, geglu, group_norm, group_norm_modulate_silu,
    group_norm_silu, project, recomputed,
};

/// The norm of the channels of each position of `x` `[B, C, positions]`.
pub(crate) fn layer_norm(layer: &LayerNorm, x: Tensor<3>) -> Tensor<3> {
    kernels::layer_norm(layer, LAYER_NORM_EPS, x)
}

/// The first `height` rows and `width` columns.
pub(crate) fn crop(x: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [.., rows, columns] = x.dims();
    if [rows, columns] == [height, width] { x } else { x.narrow(2, 0, height).narrow(3, 0, width) }
}

/// `x (1 + scale) + shift` with one scale and shift `[B, C]` for each channel.
pub(crate) fn modulate(x: Tensor<4>, scale: Tensor<2>, shift: Tensor<2>) -> Tensor<4> {
    x * (as_image(scale) + 1.0) + as_image(shift)
}

/// `x / divisor`; most sums are divided by one.
pub(crate) fn divide(x: Tensor<4>, divisor: f64) -> Tensor<4> {
    if divisor == 1.0 { x } else { x / divisor }
}

/// Adds `bias` `[B, C]` to every pixel of `x` `[B, C, H, W]`.
pub(crate) fn add_per_channel(x: Tensor<4>, bias: Tensor<2>) -> Tensor<4> {
    x + as_image(bias)
}

/// One value for each channel, `[B, C]`, as an image of one pixel.
pub(crate) fn as_image(x: Tensor<2>) -> Tensor<4> {
    let [batch, channels] = x.dims();
    x.reshape([batch, channels, 1, 1])
}

/// Averages each 2x2 square of pixels; an odd last row or column is left out.
pub(crate) fn halve(x: Tensor<4>) -> Tensor<4> {
    let [.., height, width] = x.dims();
    kernels::mean_pool2d(crop(x, [height / 2 * 2, width / 2 * 2]), 2)
}

/// Repeats each pixel in a 2x2 square.
pub(crate) fn double(x: Tensor<4>) -> Tensor<4> {
    let [.., height, width] = x.dims();
    kernels::upsample_nearest2d(x, 2, [2 * height, 2 * width])
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

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tolerance};

    const TAPS: [f64; 4] = [1.0, 3.0, 3.0, 1.0];

    fn image(side: usize) -> (Tensor<4>, impl Fn(isize, isize) -> f64) {
        let at = move |y: isize, x: isize| {
            let inside = |i: isize| (0..side as isize).contains(&i);
            if inside(y) && inside(x) { (1.7 * y as f64 + 0.3 * (x * x) as f64).sin() } else { 0.0 }
        };
        let pixels = (0..side * side).map(|i| at((i / side) as isize, (i % side) as isize) as f32);
        let image = Tensor::<1>::from_floats(pixels.collect::<Vec<_>>().as_slice(), &Device::flex());
        (image.reshape([1, 1, side, side]), at)
    }

    #[track_caller]
    fn assert_pixels(image: Tensor<4>, side: usize, value: impl Fn(isize, isize) -> f64) {
        let pixel = |i: usize| value((i / side) as isize, (i % side) as isize) as f32;
        let expected: Vec<f32> = (0..side * side).map(pixel).collect();
        let expected = burn::tensor::TensorData::new(expected, [1, 1, side, side]);
        image.into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
    }

    /// Four taps around the middle of the two pixels that become one.
    #[test]
    fn halving_filters_and_takes_every_other_pixel() {
        let (image, at) = image(6);
        assert_pixels(halve_filtered(image), 3, |y, x| {
            let taps = (0..16).map(|i| (i / 4, i % 4));
            taps.map(|(i, j)| TAPS[i] * TAPS[j] / 64.0 * at(2 * y + i as isize - 1, 2 * x + j as isize - 1))
                .sum()
        });
    }

    /// A new pixel is three quarters of the old one under it and a quarter of the nearest other, in both directions.
    #[test]
    fn doubling_interpolates_linearly() {
        let (image, at) = image(3);
        assert_pixels(double_filtered(image), 6, |y, x| {
            let (near, far) = (|i: isize| i / 2, |i: isize| i / 2 + 2 * (i % 2) - 1);
            let row = |y: isize| 0.75 * at(y, near(x)) + 0.25 * at(y, far(x));
            0.75 * row(near(y)) + 0.25 * row(far(y))
        });
    }
}

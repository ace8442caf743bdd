use burn::tensor::Tensor;
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};

use crate::cpu::resample::{Squares, gather, spread};
use crate::cpu::simd::Simd;
use crate::graph::{self, Kernel};

/// The mean of each square of `side` times `side` pixels; squares at the edges may have fewer.
///
/// # Shapes
///
/// - `x`: `[B, C, H, W]`
/// - output: `[B, C, H / side, W / side]`, rounded up
pub fn mean_pool2d(x: Tensor<4>, side: usize) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    if !graph::runs_on(&x) || x.shape().num_elements() == 0 {
        let squares = AvgPoolOptions::new([side, side]).with_stride([side, side]);
        return avg_pool2d(x, squares.with_ceil_mode(true));
    }
    let squares = Squares { size: [height, width], side, shares: true };
    let [down, across] = squares.count();
    graph::run(MeanPool(squares), [x.into_dispatch()], [batch, channels, down, across])
}

/// Each pixel as a square of `side` times `side` pixels, of which the image shows the first rows and columns.
///
/// # Shapes
///
/// - `x`: `[B, C, H / side, W / side]`, rounded up
/// - output: `[B, C, H, W]`, where `size` is H and W
///
/// # Panics
///
/// If `x` has other sides than that.
pub fn upsample_nearest2d(x: Tensor<4>, side: usize, size: [usize; 2]) -> Tensor<4> {
    let [batch, channels, down, across] = x.dims();
    let squares = Squares { size, side, shares: false };
    assert_eq!(squares.count(), [down, across], "squares of side {side} in an image of {size:?}");
    let [height, width] = size;
    if !graph::runs_on(&x) || batch * channels * height * width == 0 {
        let scale = [side as f32; 2];
        let whole =
            interpolate(x, InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor(scale));
        return whole.narrow(2, 0, height).narrow(3, 0, width);
    }
    graph::run(UpsampleNearest(squares), [x.into_dispatch()], [batch, channels, height, width])
}

#[derive(Clone, Debug)]
struct MeanPool(Squares);

impl Kernel<1> for MeanPool {
    const NEEDED: [bool; 1] = [false];
    type Kept = ();

    fn forward(&self, [x]: [&[f32]; 1]) -> (Vec<f32>, ()) {
        (gather(Simd::best(), self.0, x), ())
    }

    fn backward(&self, _: [&[f32]; 1], _: &(), dy: &[f32], _: [bool; 1]) -> [Option<Vec<f32>>; 1] {
        [Some(spread(Simd::best(), self.0, dy))]
    }
}

#[derive(Clone, Debug)]
struct UpsampleNearest(Squares);

impl Kernel<1> for UpsampleNearest {
    const NEEDED: [bool; 1] = [false];
    type Kept = ();

    fn forward(&self, [x]: [&[f32]; 1]) -> (Vec<f32>, ()) {
        (spread(Simd::best(), self.0, x), ())
    }

    fn backward(&self, _: [&[f32]; 1], _: &(), dy: &[f32], _: [bool; 1]) -> [Option<Vec<f32>>; 1] {
        [Some(gather(Simd::best(), self.0, dy))]
    }
}

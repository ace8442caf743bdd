//! 1x1 convolutions: a matrix product for each image.

use rayon::prelude::*;

use crate::cpu::block::{LANES, View};
use crate::cpu::product::{Sizes, multiply};
use crate::cpu::scratch;
use crate::cpu::simd::Simd;

/// A convolution of 1x1 taps, stride 1, no padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointwise {
    /// Images.
    pub batch: usize,
    /// Channels that come in.
    pub inputs: usize,
    /// Channels that go out.
    pub outputs: usize,
    /// Pixels of an image.
    pub pixels: usize,
}

impl Pointwise {
    fn transposed(&self) -> Self {
        Self { inputs: self.outputs, outputs: self.inputs, ..*self }
    }
}

/// The convolution of `x` `[batch, inputs, pixels]` with `weight` `[outputs, inputs]`, plus `bias` `[outputs]`.
pub fn convolve(simd: Simd, conv: Pointwise, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    mix(simd, conv, x, View { data: weight, row: conv.inputs, column: 1 }, bias)
}

/// The gradient of `x` from that of the result, `dy` `[batch, outputs, pixels]`.
pub fn input_gradient(simd: Simd, conv: Pointwise, dy: &[f32], weight: &[f32]) -> Vec<f32> {
    mix(simd, conv.transposed(), dy, View { data: weight, row: 1, column: conv.inputs }, None)
}

/// The linear map of each pixel of `x` `[batch, inputs, pixels]` by `weight` `[inputs, outputs]`, plus `bias` `[outputs]`.
pub fn project(simd: Simd, conv: Pointwise, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    mix(simd, conv, x, View { data: weight, row: 1, column: conv.outputs }, Some(bias))
}

/// The gradient of `x` from that of the result of [`project`].
pub fn project_input_gradient(simd: Simd, conv: Pointwise, dy: &[f32], weight: &[f32]) -> Vec<f32> {
    mix(simd, conv.transposed(), dy, View { data: weight, row: conv.outputs, column: 1 }, None)
}

/// The gradient of the weights of [`project`], `[inputs, outputs]`.
pub fn project_weight_gradient(simd: Simd, conv: Pointwise, x: &[f32], dy: &[f32]) -> Vec<f32> {
    weight_gradient(simd, conv.transposed(), dy, x)
}

fn mix(simd: Simd, conv: Pointwise, x: &[f32], weight: View<'_>, bias: Option<&[f32]>) -> Vec<f32> {
    let Pointwise { batch, inputs, outputs, pixels } = conv;
    let mut y = scratch::zeros(batch * outputs * pixels);
    let rows = outputs.div_ceil(rayon::current_num_threads().div_ceil(batch));
    let tasks: Vec<_> = y
        .chunks_mut(outputs * pixels)
        .zip(x.chunks(inputs * pixels))
        .flat_map(|(y, x)| y.chunks_mut(rows * pixels).enumerate().map(move |(i, y)| (i * rows, x, y)))
        .collect();
    tasks.into_par_iter().for_each(|(first, x, y)| {
        if let Some(bias) = bias {
            y.chunks_mut(pixels).zip(&bias[first..]).for_each(|(y, bias)| y.fill(*bias));
        }
        let sizes = Sizes { rows: y.len() / pixels, depth: inputs, columns: pixels };
        let weight = View { data: &weight.data[first * weight.row..], ..weight };
        multiply(simd, sizes, weight, View { data: x, row: pixels, column: 1 }, y, pixels, bias.is_some());
    });
    y
}

/// The gradient of the weights `[outputs, inputs]`.
///
/// Tasks differ in their input channels, so the result does not depend on the number of threads.
pub fn weight_gradient(simd: Simd, conv: Pointwise, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let Pointwise { inputs, outputs, pixels, .. } = conv;
    let panels: Vec<Vec<f32>> = (0..inputs.div_ceil(LANES))
        .into_par_iter()
        .map(|panel| {
            let columns = LANES.min(inputs - panel * LANES);
            let mut sums = vec![0.0; outputs * columns];
            for (x, dy) in x.chunks(inputs * pixels).zip(dy.chunks(outputs * pixels)) {
                let sizes = Sizes { rows: outputs, depth: pixels, columns };
                let dy = View { data: dy, row: pixels, column: 1 };
                let x = View { data: &x[panel * LANES * pixels..], row: 1, column: pixels };
                multiply(simd, sizes, dy, x, &mut sums, columns, true);
            }
            sums
        })
        .collect();
    let mut weights = Vec::with_capacity(outputs * inputs);
    for output in 0..outputs {
        for sums in &panels {
            let columns = sums.len() / outputs;
            weights.extend_from_slice(&sums[output * columns..][..columns]);
        }
    }
    weights
}

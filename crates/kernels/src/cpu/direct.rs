//! Convolutions of any size and stride, as products with the pixels under the taps (im2col), a few pixels at a time.

mod taps;

use rayon::prelude::*;

pub use taps::Conv;

use crate::cpu::block::{LANES, View, multiply_panel};
use crate::cpu::product::pack;
use crate::cpu::scratch;
use crate::cpu::simd::Simd;

/// The convolution of `x` `[batch, inputs, height, width]` with `weight` `[outputs, inputs, kernel]`, plus `bias`
/// `[outputs]`.
pub fn convolve(simd: Simd, conv: Conv, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let (pixels, depth) = (conv.pixels_out(), conv.depth());
    let mut y = scratch::zeros(conv.batch * conv.outputs * pixels);
    let rows = conv.outputs.div_ceil(rayon::current_num_threads().div_ceil(conv.batch));
    let tasks: Vec<_> = y
        .chunks_mut(conv.outputs * pixels)
        .zip(x.chunks(conv.inputs * conv.pixels_in()))
        .flat_map(|(y, x)| y.chunks_mut(rows * pixels).enumerate().map(move |(i, y)| (i * rows, x, y)))
        .collect();
    tasks.into_par_iter().for_each(|(first, x, y)| {
        let rows = y.len() / pixels;
        let weight = View { data: &weight[first * depth..], row: depth, column: 1 };
        scratch::with([depth * LANES, rows * LANES], |[taps, sums]| {
            for pixel in (0..pixels).step_by(LANES) {
                let width = LANES.min(pixels - pixel);
                conv.gather(x, 0..conv.inputs, pixel, width, taps, LANES);
                multiply_panel(simd, weight, taps, LANES, sums, LANES, rows, depth, false);
                for (row, sums) in sums.chunks(LANES).enumerate() {
                    let bias = bias.map_or(0.0, |bias| bias[first + row]);
                    let to = &mut y[row * pixels + pixel..][..width];
                    to.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum + bias);
                }
            }
        });
    });
    y
}

/// The gradient of `x` from that of the result, `dy` `[batch, outputs, height out, width out]`.
pub fn input_gradient(simd: Simd, conv: Conv, dy: &[f32], weight: &[f32]) -> Vec<f32> {
    let (pixels, area) = (conv.pixels_out(), conv.kernel[0] * conv.kernel[1]);
    let mut dx = scratch::zeros(conv.batch * conv.inputs * conv.pixels_in());
    let channels = conv.inputs.div_ceil(rayon::current_num_threads().div_ceil(conv.batch));
    let tasks: Vec<_> = dx
        .chunks_mut(conv.inputs * conv.pixels_in())
        .zip(dy.chunks(conv.outputs * pixels))
        .flat_map(|(dx, dy)| {
            dx.chunks_mut(channels * conv.pixels_in()).enumerate().map(move |(i, dx)| (i * channels, dy, dx))
        })
        .collect();
    tasks.into_par_iter().for_each(|(first, dy, dx)| {
        let rows = dx.len() / conv.pixels_in() * area;
        let weight = View { data: &weight[first * area..], row: 1, column: conv.depth() };
        scratch::with([conv.outputs * LANES, rows * LANES], |[panel, taps]| {
            for pixel in (0..pixels).step_by(LANES) {
                let width = LANES.min(pixels - pixel);
                let dy = View { data: &dy[pixel..], row: pixels, column: 1 };
                pack(simd, dy, conv.outputs, width, panel);
                multiply_panel(simd, weight, panel, LANES, taps, LANES, rows, conv.outputs, false);
                conv.scatter(taps, pixel, width, dx);
            }
        });
    });
    dx
}

/// Pixels whose products are added at once.
const DEPTH: usize = 128;

/// The gradient of the weights `[outputs, inputs, kernel]`.
///
/// Tasks differ in their input channels, so the result does not depend on the number of threads.
pub fn weight_gradient(simd: Simd, conv: Conv, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let area = conv.kernel[0] * conv.kernel[1];
    let own = conv.inputs.div_ceil(rayon::current_num_threads()).min(64);
    let parts: Vec<Vec<f32>> = (0..conv.inputs.div_ceil(own))
        .into_par_iter()
        .map(|part| part_gradient(simd, conv, x, dy, part * own, own.min(conv.inputs - part * own)))
        .collect();
    let row = conv.outputs.next_multiple_of(LANES);
    let mut weights = Vec::with_capacity(conv.outputs * conv.depth());
    for output in 0..conv.outputs {
        for part in &parts {
            weights.extend(part.iter().skip(output).step_by(row));
        }
    }
    debug_assert_eq!(weights.len(), conv.outputs * conv.inputs * area);
    weights
}

/// The transposed gradient of the weights of some channels, `[channels, kernel, outputs]`.
fn part_gradient(simd: Simd, conv: Conv, x: &[f32], dy: &[f32], first: usize, channels: usize) -> Vec<f32> {
    let (pixels, rows) = (conv.pixels_out(), channels * conv.kernel[0] * conv.kernel[1]);
    let row = conv.outputs.next_multiple_of(LANES);
    let mut sums = vec![0.0; rows * row];
    scratch::with([rows * DEPTH, DEPTH * LANES], |[taps, panel]| {
        for (x, dy) in x.chunks(conv.inputs * conv.pixels_in()).zip(dy.chunks(conv.outputs * pixels)) {
            for pixel in (0..pixels).step_by(DEPTH) {
                let deep = DEPTH.min(pixels - pixel);
                conv.gather(x, first..first + channels, pixel, deep, taps, DEPTH);
                for output in (0..conv.outputs).step_by(LANES) {
                    let dy = View { data: &dy[output * pixels + pixel..], row: 1, column: pixels };
                    pack(simd, dy, deep, LANES.min(conv.outputs - output), panel);
                    let taps = View { data: taps, row: DEPTH, column: 1 };
                    multiply_panel(simd, taps, panel, LANES, &mut sums[output..], row, rows, deep, true);
                }
            }
        }
    });
    sums
}

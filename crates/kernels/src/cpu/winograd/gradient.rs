use std::ops::Range;

use rayon::prelude::*;

use super::points::GROUP;
use super::tiles::{self, POINTS, Strides};
use super::{Conv3x3, weights};
use crate::cpu::block::{LANES, View, multiply_panel};
use crate::cpu::scratch;
use crate::cpu::simd::Simd;

/// Tiles whose products are added at once.
const DEPTH: usize = 48;

/// The gradient of the weights `[outputs, inputs, 3, 3]`.
///
/// Tasks differ in their input channels and add up the tiles in one order, so the result does not depend on the number
/// of threads.
pub fn weight_gradient(simd: Simd, conv: Conv3x3, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let inputs = conv.inputs.next_multiple_of(GROUP);
    let outputs = conv.outputs.next_multiple_of(LANES);
    let groups = (inputs / GROUP).div_ceil(rayon::current_num_threads());
    let own = groups * GROUP;
    let parts = inputs.div_ceil(own);
    scratch::with([parts * POINTS * own * outputs], |[sums]| {
        sums.par_chunks_mut(POINTS * own * outputs).enumerate().for_each(|(part, sums)| {
            let channels = part * own..conv.inputs.min((part + 1) * own);
            products(simd, conv, x, dy, channels, sums);
        });
        weights::gather(simd, sums, own, outputs, [conv.inputs, conv.outputs])
    })
}

/// The gradient of the weights of some input channels at the points, `[point][own][outputs]`.
fn products(simd: Simd, conv: Conv3x3, x: &[f32], dy: &[f32], channels: Range<usize>, sums: &mut [f32]) {
    let outputs = conv.outputs.next_multiple_of(LANES);
    let own = sums.len() / (POINTS * outputs);
    let (from, to) = (conv.grid(conv.inputs), conv.grid(conv.outputs));
    let count = conv.batch * from.tiles();
    let windows = Strides { point: DEPTH * (own + GROUP) + GROUP, tile: own + GROUP };
    let gradients = Strides { point: DEPTH * (outputs + GROUP) + GROUP, tile: outputs + GROUP };
    scratch::with([POINTS * windows.point, POINTS * gradients.point, from.scratch()], |[v, z, scratch]| {
        for first in (0..count).step_by(DEPTH) {
            let depth = DEPTH.min(count - first);
            for channel in channels.clone().step_by(GROUP) {
                let v = &mut v[channel - channels.start..];
                tiles::windows(simd, x, from, channel, first, depth, v, windows, scratch);
            }
            for channel in (0..conv.outputs).step_by(GROUP) {
                let z = &mut z[channel..];
                tiles::tile_gradients(simd, dy, to, channel, first, depth, z, gradients, scratch);
            }
            for point in 0..POINTS {
                let a = View { data: &v[point * windows.point..], row: 1, column: windows.tile };
                for panel in (0..outputs).step_by(LANES) {
                    let b = &z[point * gradients.point + panel..];
                    let c = &mut sums[point * own * outputs + panel..];
                    multiply_panel(simd, a, b, gradients.tile, c, outputs, own, depth, first > 0);
                }
            }
        }
    });
}

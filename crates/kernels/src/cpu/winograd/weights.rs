//! Weights at the 36 points, and their gradients back.

use rayon::prelude::*;

use super::points::{self, GROUP};
use super::tiles::POINTS;
use crate::cpu::block::LANES;
use crate::cpu::simd::{Simd, vectorised};
use crate::cpu::transpose::rectangle;

pub(super) const TAPS: usize = 9;

/// Weights `[outputs, inputs, 3, 3]`, read as they are or as the convolution with their transpose needs them.
#[derive(Clone, Copy)]
pub(super) enum Weights<'a> {
    Forward(&'a [f32]),
    /// Inputs and outputs exchanged, taps turned half around.
    Transposed(&'a [f32]),
}

impl Weights<'_> {
    /// Where the taps of an input and an output begin, and how far those of the next output are.
    fn taps(&self, inputs: usize, outputs: usize, input: usize, output: usize) -> (&[f32], usize) {
        match self {
            Self::Forward(w) => (&w[(output * inputs + input) * TAPS..], inputs * TAPS),
            Self::Transposed(w) => (&w[(input * outputs + output) * TAPS..], TAPS),
        }
    }
}

/// Length of transformed weights.
pub(super) fn length(inputs: usize, outputs: usize) -> usize {
    outputs.div_ceil(LANES) * POINTS * inputs.next_multiple_of(GROUP) * LANES
}

/// `[panel][point][input][32 outputs]`, inputs filled up with zeros and outputs with anything.
pub(super) fn transform(simd: Simd, weights: Weights<'_>, inputs: usize, outputs: usize, to: &mut [f32]) {
    let padded = inputs.next_multiple_of(GROUP);
    let turned = matches!(weights, Weights::Transposed(_));
    to.par_chunks_mut(POINTS * padded * LANES).enumerate().for_each(|(panel, to)| {
        for point in to.chunks_mut(padded * LANES) {
            point[inputs * LANES..].fill(0.0);
        }
        for first in (panel * LANES..outputs.min((panel + 1) * LANES)).step_by(GROUP) {
            let group = GROUP.min(outputs - first);
            for input in 0..inputs {
                let (taps, row) = weights.taps(inputs, outputs, input, first);
                let to = &mut to[input * LANES + first % LANES..];
                spread(simd, taps, row, group, turned, to, padded * LANES);
            }
        }
    });
}

/// Gradients of weights `[outputs, inputs, 3, 3]` from those at the points, `[part][point][own inputs][row of
/// outputs]`.
pub(super) fn gather(
    simd: Simd,
    sums: &[f32],
    own: usize,
    row: usize,
    [inputs, outputs]: [usize; 2],
) -> Vec<f32> {
    let mut weights = vec![0.0; outputs * inputs * TAPS];
    weights.par_chunks_mut(GROUP * inputs * TAPS).enumerate().for_each(|(group, to)| {
        for input in 0..inputs {
            let part = &sums[input / own * POINTS * own * row..];
            let from = &part[input % own * row + group * GROUP..];
            collect(simd, from, own * row, &mut to[input * TAPS..], inputs * TAPS);
        }
    });
    weights
}

vectorised! {
    fn spread(from: &[f32], row: usize, group: usize, turned: bool, to: &mut [f32], point: usize) {
        let mut taps = [[0.0; GROUP]; TAPS];
        rectangle::<I>(from, row, taps.as_flattened_mut(), GROUP, group, TAPS);
        if turned {
            taps.reverse();
        }
        let mut columns = [[[0.0; GROUP]; 6]; 3];
        for (c, column) in columns.iter_mut().enumerate() {
            *column = points::weight::<I>([taps[c], taps[c + 3], taps[c + 6]]);
        }
        for r in 0..6 {
            let row = points::weight::<I>([columns[0][r], columns[1][r], columns[2][r]]);
            for (c, lanes) in row.iter().enumerate() {
                to[(r * 6 + c) * point..][..GROUP].copy_from_slice(lanes);
            }
        }
    }
}

vectorised! {
    fn collect(from: &[f32], point: usize, to: &mut [f32], row: usize) {
        let mut taps = [[0.0; GROUP]; TAPS];
        let mut rows = [[[0.0; GROUP]; 3]; 6];
        for (r, row) in rows.iter_mut().enumerate() {
            let mut points = [[0.0; GROUP]; 6];
            for (c, lanes) in points.iter_mut().enumerate() {
                lanes.copy_from_slice(&from[(r * 6 + c) * point..][..GROUP]);
            }
            *row = points::weight_gradient::<I>(points);
        }
        for c in 0..3 {
            let mut column = [[0.0; GROUP]; 6];
            for (lanes, row) in column.iter_mut().zip(&rows) {
                *lanes = row[c];
            }
            let column = points::weight_gradient::<I>(column);
            for (r, lanes) in column.iter().enumerate() {
                taps[r * 3 + c] = *lanes;
            }
        }
        let group = GROUP.min(to.len().div_ceil(row));
        rectangle::<I>(taps.as_flattened(), GROUP, to, row, TAPS, group);
    }
}

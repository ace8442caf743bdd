//! Layer normalization (Ba et al. 2016, arXiv 1607.06450) of the channels of each position of `[batch, channels, positions]`.
//!
//! `y = gamma (x - mean) / deviation + beta`. A position's channels lie apart, positions side by side: lanes are positions.

use rayon::prelude::*;

use crate::cpu::norm::sum;
use crate::cpu::scratch;
use crate::cpu::simd::{Simd, vectorised};

/// Positions that are summed together: their sums stay in the nearest cache.
const TOGETHER: usize = 256;
/// Numbers that a thread takes at once.
const LEAST: usize = 16_384;

/// A normalization of `[batch, channels, positions]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// Channels of a position.
    pub channels: usize,
    /// Positions of a batch's element.
    pub positions: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

/// Mean and inverse deviation of each position, `[batch, positions]` both.
#[derive(Clone, Debug)]
pub struct Statistics {
    mean: Vec<f32>,
    inverse: Vec<f32>,
}

/// Gradients of what [`normalize`] was given.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// `[batch, channels, positions]`
    pub x: Vec<f32>,
    /// `[batch, channels]`
    pub gamma: Vec<f32>,
    /// `[batch, channels]`
    pub beta: Vec<f32>,
}

impl LayerNorm {
    fn size(&self) -> usize {
        self.channels * self.positions
    }

    /// Rows of one channel that a thread takes at once.
    fn rows_together(&self) -> usize {
        (LEAST / self.positions).max(1)
    }

    /// What `work` finds about every position: two numbers, from the element's numbers beginning at the positions' own.
    fn of_positions(
        &self,
        batch: usize,
        work: impl Fn(usize, usize, [&mut [f32]; 2]) + Sync,
    ) -> [Vec<f32>; 2] {
        let [mut one, mut other] = [(); 2].map(|()| vec![0.0; batch * self.positions]);
        let elements = one.par_chunks_mut(self.positions).zip(other.par_chunks_mut(self.positions));
        elements.enumerate().for_each(|(element, (one, other))| {
            let parts = one.par_chunks_mut(TOGETHER).zip(other.par_chunks_mut(TOGETHER)).enumerate();
            parts.for_each(|(part, (one, other))| work(element, part * TOGETHER, [one, other]));
        });
        [one, other]
    }
}

/// The normalization of `x`, and the statistics of each position, which the gradient needs.
pub fn normalize(
    simd: Simd,
    norm: LayerNorm,
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
) -> (Vec<f32>, Statistics) {
    let (size, positions) = (norm.size(), norm.positions);
    let [mean, inverse] = norm.of_positions(x.len() / size, |element, first, to| {
        moments(simd, norm, &x[element * size + first..(element + 1) * size], to);
    });
    let mut y = scratch::zeros(x.len());
    y.par_chunks_mut(positions).with_min_len(norm.rows_together()).enumerate().for_each(|(row, y)| {
        let (element, channel) = (row / norm.channels, row % norm.channels);
        let statistics = [&mean, &inverse].map(|values| &values[element * positions..][..positions]);
        let x = &x[row * positions..][..positions];
        standardize(simd, x, statistics, [gamma[channel], beta[channel]], y);
    });
    (y, Statistics { mean, inverse })
}

/// The gradients, from that of the result, `dy`.
pub fn gradients(
    simd: Simd,
    norm: LayerNorm,
    x: &[f32],
    gamma: &[f32],
    statistics: &Statistics,
    dy: &[f32],
) -> Gradients {
    let (size, positions) = (norm.size(), norm.positions);
    let Statistics { mean, inverse } = statistics;
    let along = norm.of_positions(x.len() / size, |element, first, to| {
        let [x, dy] = [x, dy].map(|values| &values[element * size + first..(element + 1) * size]);
        let of_part = [mean, inverse].map(|values| &values[element * positions + first..][..to[0].len()]);
        projections(simd, norm, x, dy, gamma, of_part, to);
    });
    let rows = || vec![0.0; x.len() / positions];
    let mut all = Gradients { x: scratch::zeros(x.len()), gamma: rows(), beta: rows() };
    all.x
        .par_chunks_mut(positions)
        .zip(&mut all.gamma)
        .zip(&mut all.beta)
        .with_min_len(norm.rows_together())
        .enumerate()
        .for_each(|(row, ((dx, dgamma), dbeta))| {
            let of_row = [x, dy].map(|values| &values[row * positions..][..positions]);
            let of_element = [mean, inverse, &along[0], &along[1]]
                .map(|values| &values[row / norm.channels * positions..][..positions]);
            let gamma = gamma[row % norm.channels];
            [*dgamma, *dbeta] = row_gradient(simd, of_row, of_element, gamma, dx);
        });
    all
}

vectorised! {
    /// Mean and inverse deviation of as many positions as there is room for, the first of which `x` begins with.
    fn moments(norm: LayerNorm, x: &[f32], to: [&mut [f32]; 2]) {
        let [mean, inverse] = to;
        let count = norm.channels as f32;
        for row in x.chunks(norm.positions) {
            for (mean, x) in mean.iter_mut().zip(row) {
                *mean += x;
            }
        }
        for mean in mean.iter_mut() {
            *mean /= count;
        }
        for row in x.chunks(norm.positions) {
            for ((inverse, mean), x) in inverse.iter_mut().zip(&*mean).zip(row) {
                *inverse = I::fma(x - mean, x - mean, *inverse);
            }
        }
        for inverse in inverse.iter_mut() {
            *inverse = 1.0 / (*inverse / count + norm.epsilon).sqrt();
        }
    }
}

vectorised! {
    fn standardize(x: &[f32], statistics: [&[f32]; 2], affine: [f32; 2], y: &mut [f32]) {
        let ([mean, inverse], [gamma, beta]) = (statistics, affine);
        for (((y, x), mean), inverse) in y.iter_mut().zip(x).zip(mean).zip(inverse) {
            *y = I::fma((x - mean) * inverse, gamma, beta);
        }
    }
}

vectorised! {
    /// The means over channels of the gradient of the normalized values, and of that times them.
    fn projections(
        norm: LayerNorm, x: &[f32], dy: &[f32], gamma: &[f32], statistics: [&[f32]; 2], to: [&mut [f32]; 2],
    ) {
        let ([mean, inverse], [one, normal]) = (statistics, to);
        let rows = x.chunks(norm.positions).zip(dy.chunks(norm.positions)).zip(gamma);
        for ((x, dy), gamma) in rows {
            let positions = one.iter_mut().zip(normal.iter_mut()).zip(mean).zip(inverse).zip(x).zip(dy);
            for (((((one, normal), mean), inverse), x), dy) in positions {
                *one = I::fma(*gamma, *dy, *one);
                *normal = I::fma(gamma * dy, (x - mean) * inverse, *normal);
            }
        }
        let count = norm.channels as f32;
        for (one, normal) in one.iter_mut().zip(normal) {
            *one /= count;
            *normal /= count;
        }
    }
}

vectorised! {
    /// The gradient of one channel's numbers, and what is returned, those of its gamma and beta.
    fn row_gradient(row: [&[f32]; 2], positions: [&[f32]; 4], gamma: f32, dx: &mut [f32]) -> [f32; 2] {
        let ([x, dy], [mean, inverse, one, along]) = (row, positions);
        for (((normal, x), mean), inverse) in dx.iter_mut().zip(x).zip(mean).zip(inverse) {
            *normal = (x - mean) * inverse;
        }
        let affine = sum(dx, dy, |normal, dy| [normal * dy, dy]);
        for ((((dx, dy), inverse), one), along) in dx.iter_mut().zip(dy).zip(inverse).zip(one).zip(along) {
            *dx = inverse * (I::fma(gamma, *dy, -one) - *dx * along);
        }
        affine
    }
}

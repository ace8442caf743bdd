//! Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1) between the pixels of an image, channels first.

use rayon::prelude::*;

use crate::cpu::block::View;
use crate::cpu::exp::exp;
use crate::cpu::product::{Sizes, multiply};
use crate::cpu::scratch;
use crate::cpu::simd::{Isa, Simd, vectorised};

/// Attention within each of `heads`, `[heads of all images, channels, pixels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Channels of a head.
    pub channels: usize,
    /// Pixels, which attend to each other.
    pub pixels: usize,
}

/// Gradients of queries, keys and values.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// Of the queries.
    pub q: Vec<f32>,
    /// Of the keys.
    pub k: Vec<f32>,
    /// Of the values.
    pub v: Vec<f32>,
}

/// Queries whose weights are in memory at once.
const TOGETHER: usize = 64;

impl Attention {
    fn size(&self) -> usize {
        self.channels * self.pixels
    }

    fn scale(&self) -> f32 {
        1.0 / (self.channels as f32).sqrt()
    }

    fn rows<'a>(&self, data: &'a [f32]) -> View<'a> {
        View { data, row: self.pixels, column: 1 }
    }

    /// The weights `[count, pixels]` of the queries from `first`.
    fn weights(&self, simd: Simd, q: &[f32], k: &[f32], first: usize, count: usize, to: &mut [f32]) {
        let Self { channels, pixels } = *self;
        let sizes = Sizes { rows: count, depth: channels, columns: pixels };
        let q = View { data: &q[first..], row: 1, column: pixels };
        multiply(simd, sizes, q, self.rows(k), to, pixels, false);
        softmax(simd, &mut to[..count * pixels], pixels, self.scale());
    }

    fn blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let pixels = self.pixels;
        (0..pixels).step_by(TOGETHER).map(move |first| (first, TOGETHER.min(pixels - first)))
    }
}

/// The values, mixed.
pub fn attend(simd: Simd, attention: Attention, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f32> {
    let Attention { channels, pixels } = attention;
    let mut mixed = vec![0.0; v.len()];
    mixed.par_chunks_mut(attention.size()).enumerate().for_each(|(head, mixed)| {
        let [q, k, v] = [q, k, v].map(|all| &all[head * attention.size()..][..attention.size()]);
        scratch::with([TOGETHER * pixels], |[weights]| {
            for (first, count) in attention.blocks() {
                attention.weights(simd, q, k, first, count, weights);
                let sizes = Sizes { rows: channels, depth: pixels, columns: count };
                let weights = View { data: weights, row: 1, column: pixels };
                multiply(simd, sizes, attention.rows(v), weights, &mut mixed[first..], pixels, false);
            }
        });
    });
    mixed
}

/// The gradients, from that of the mixed values; the weights are computed again.
pub fn gradients(simd: Simd, attention: Attention, [q, k, v]: [&[f32]; 3], dmixed: &[f32]) -> Gradients {
    let size = attention.size();
    let mut all = Gradients { q: vec![0.0; q.len()], k: vec![0.0; k.len()], v: vec![0.0; v.len()] };
    all.q
        .par_chunks_mut(size)
        .zip(all.k.par_chunks_mut(size))
        .zip(all.v.par_chunks_mut(size))
        .enumerate()
        .for_each(|(head, ((dq, dk), dv))| {
            let inputs = [q, k, v, dmixed].map(|all| &all[head * size..][..size]);
            head_gradients(simd, attention, inputs, [dq, dk, dv]);
        });
    all
}

fn head_gradients(
    simd: Simd,
    attention: Attention,
    [q, k, v, dmixed]: [&[f32]; 4],
    [dq, dk, dv]: [&mut [f32]; 3],
) {
    let Attention { channels, pixels } = attention;
    scratch::with([TOGETHER * pixels, TOGETHER * pixels], |[weights, dweights]| {
        for (first, count) in attention.blocks() {
            attention.weights(simd, q, k, first, count, weights);
            let over_pixels = Sizes { rows: channels, depth: count, columns: pixels };
            let dmixed = View { data: &dmixed[first..], row: pixels, column: 1 };
            multiply(simd, over_pixels, dmixed, attention.rows(weights), dv, pixels, true);

            let sizes = Sizes { rows: count, depth: channels, columns: pixels };
            let transposed = View { row: 1, column: pixels, ..dmixed };
            multiply(simd, sizes, transposed, attention.rows(v), dweights, pixels, false);
            softmax_gradient(simd, weights, &mut dweights[..count * pixels], pixels, attention.scale());

            let q = View { data: &q[first..], row: pixels, column: 1 };
            multiply(simd, over_pixels, q, attention.rows(dweights), dk, pixels, true);
            let sizes = Sizes { rows: channels, depth: pixels, columns: count };
            let transposed = View { data: dweights, row: 1, column: pixels };
            multiply(simd, sizes, attention.rows(k), transposed, &mut dq[first..], pixels, false);
        }
    });
}

vectorised! {
    /// `softmax(scale x)` of each row.
    fn softmax(x: &mut [f32], row: usize, scale: f32) {
        for x in x.chunks_exact_mut(row) {
            let mut largest = f32::NEG_INFINITY;
            for value in x.iter() {
                largest = if *value > largest { *value } else { largest };
            }
            let constant = -largest * scale;
            for value in x.iter_mut() {
                *value = exp::<I>(I::fma(*value, scale, constant));
            }
            let share = 1.0 / total(x);
            for value in x.iter_mut() {
                *value *= share;
            }
        }
    }
}

vectorised! {
    /// The gradient of `x` from that of `y = softmax(scale x)`, in its place.
    fn softmax_gradient(y: &[f32], dy: &mut [f32], row: usize, scale: f32) {
        for (y, dy) in y.chunks_exact(row).zip(dy.chunks_exact_mut(row)) {
            let along = dot::<I>(y, dy);
            for (dy, y) in dy.iter_mut().zip(y) {
                *dy = scale * y * (*dy - along);
            }
        }
    }
}

#[inline(always)]
fn total(x: &[f32]) -> f32 {
    let mut lanes = [0.0; 16];
    let chunks = x.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().sum();
    for x in chunks {
        for lane in 0..16 {
            lanes[lane] += x[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[inline(always)]
fn dot<I: Isa>(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0; 16];
    let (xs, ys) = (x.chunks_exact(16), y.chunks_exact(16));
    let rest = xs.remainder().iter().zip(ys.remainder());
    for (x, y) in xs.zip(ys) {
        for lane in 0..16 {
            lanes[lane] = I::fma(x[lane], y[lane], lanes[lane]);
        }
    }
    let mut sum = lanes.iter().sum::<f32>();
    for (x, y) in rest {
        sum = I::fma(*x, *y, sum);
    }
    sum
}

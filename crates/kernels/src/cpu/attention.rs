//! Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1) with channels first.

use rayon::prelude::*;

use crate::cpu::block::View;
use crate::cpu::exp::exp;
use crate::cpu::product::{Sizes, multiply};
use crate::cpu::scratch;
use crate::cpu::simd::{Isa, Simd, vectorised};

/// Attention within each head: queries `[heads of all images, channels, queries]`, keys and values
/// `[heads of all images, channels, keys]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Channels of a head.
    pub channels: usize,
    /// Positions that attend.
    pub queries: usize,
    /// Positions that are attended to.
    pub keys: usize,
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
/// Weights that are exponentiated at once, at least.
const NUMBERS_TOGETHER: usize = 512;

/// Queries, keys and values of all heads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The queries.
    pub q: &'a [f32],
    /// The keys.
    pub k: &'a [f32],
    /// The values.
    pub v: &'a [f32],
    /// What is added to the logits of each key, `[images, keys]`; empty for nothing.
    pub bias: &'a [f32],
}

impl Inputs<'_> {
    /// Those of one head.
    fn head(&self, attention: Attention, head: usize) -> Self {
        let (queries, keys) = (attention.queries_size(), attention.keys_size());
        let heads = self.k.len() / keys;
        let images = self.bias.len() / attention.keys;
        let image = head * images / heads;
        let bias = if images == 0 { &[][..] } else { &self.bias[image * attention.keys..][..attention.keys] };
        Self {
            q: &self.q[head * queries..][..queries],
            k: &self.k[head * keys..][..keys],
            v: &self.v[head * keys..][..keys],
            bias,
        }
    }
}

impl Attention {
    fn queries_size(&self) -> usize {
        self.channels * self.queries
    }

    fn keys_size(&self) -> usize {
        self.channels * self.keys
    }

    fn scale(&self) -> f32 {
        1.0 / (self.channels as f32).sqrt()
    }

    fn rows<'a>(&self, data: &'a [f32]) -> View<'a> {
        View { data, row: self.keys, column: 1 }
    }

    /// The weights `[count, keys]` of the queries from `first`.
    fn weights(&self, simd: Simd, inputs: Inputs<'_>, first: usize, count: usize, to: &mut [f32]) {
        let Self { channels, queries, keys } = *self;
        let to = &mut to[..count * keys];
        for row in to.chunks_exact_mut(keys).filter(|_| !inputs.bias.is_empty()) {
            row.iter_mut().zip(inputs.bias).for_each(|(to, bias)| *to = bias / self.scale());
        }
        let sizes = Sizes { rows: count, depth: channels, columns: keys };
        let q = View { data: &inputs.q[first..], row: 1, column: queries };
        multiply(simd, sizes, q, self.rows(inputs.k), to, keys, !inputs.bias.is_empty());
        softmax(simd, to, keys, self.scale());
    }

    fn blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let queries = self.queries;
        (0..queries).step_by(TOGETHER).map(move |first| (first, TOGETHER.min(queries - first)))
    }
}

/// The values, mixed.
pub fn attend(simd: Simd, attention: Attention, inputs: Inputs<'_>) -> Vec<f32> {
    let Attention { channels, queries, keys } = attention;
    let mut mixed = vec![0.0; inputs.q.len()];
    mixed.par_chunks_mut(attention.queries_size()).enumerate().for_each(|(head, mixed)| {
        let inputs = inputs.head(attention, head);
        scratch::with([TOGETHER * keys], |[weights]| {
            for (first, count) in attention.blocks() {
                attention.weights(simd, inputs, first, count, weights);
                let sizes = Sizes { rows: channels, depth: keys, columns: count };
                let weights = View { data: weights, row: 1, column: keys };
                multiply(simd, sizes, attention.rows(inputs.v), weights, &mut mixed[first..], queries, false);
            }
        });
    });
    mixed
}

/// The gradients, from that of the mixed values; the weights are computed again.
pub fn gradients(simd: Simd, attention: Attention, inputs: Inputs<'_>, dmixed: &[f32]) -> Gradients {
    let zeros = |like: &[f32]| vec![0.0; like.len()];
    let mut all = Gradients { q: zeros(inputs.q), k: zeros(inputs.k), v: zeros(inputs.v) };
    let (queries, keys) = (attention.queries_size(), attention.keys_size());
    all.q
        .par_chunks_mut(queries)
        .zip(all.k.par_chunks_mut(keys))
        .zip(all.v.par_chunks_mut(keys))
        .enumerate()
        .for_each(|(head, ((dq, dk), dv))| {
            let dmixed = &dmixed[head * queries..][..queries];
            head_gradients(simd, attention, inputs.head(attention, head), dmixed, [dq, dk, dv]);
        });
    all
}

fn head_gradients(
    simd: Simd,
    attention: Attention,
    inputs: Inputs<'_>,
    dmixed: &[f32],
    [dq, dk, dv]: [&mut [f32]; 3],
) {
    let Attention { channels, queries, keys } = attention;
    scratch::with([TOGETHER * keys, TOGETHER * keys], |[weights, dweights]| {
        for (first, count) in attention.blocks() {
            attention.weights(simd, inputs, first, count, weights);
            let over_keys = Sizes { rows: channels, depth: count, columns: keys };
            let dmixed = View { data: &dmixed[first..], row: queries, column: 1 };
            multiply(simd, over_keys, dmixed, attention.rows(weights), dv, keys, true);

            let sizes = Sizes { rows: count, depth: channels, columns: keys };
            let transposed = View { row: 1, column: queries, ..dmixed };
            multiply(simd, sizes, transposed, attention.rows(inputs.v), dweights, keys, false);
            softmax_gradient(simd, weights, &mut dweights[..count * keys], keys, attention.scale());

            let q = View { data: &inputs.q[first..], row: queries, column: 1 };
            multiply(simd, over_keys, q, attention.rows(dweights), dk, keys, true);
            let sizes = Sizes { rows: channels, depth: keys, columns: count };
            let transposed = View { data: dweights, row: 1, column: keys };
            multiply(simd, sizes, attention.rows(inputs.k), transposed, &mut dq[first..], queries, false);
        }
    });
}

vectorised! {
    /// `softmax(scale x)` of each row. Short rows are exponentiated together, or no vector would be full.
    fn softmax(x: &mut [f32], row: usize, scale: f32) {
        let rows = NUMBERS_TOGETHER.div_ceil(row);
        for x in x.chunks_mut(rows * row) {
            for x in x.chunks_exact_mut(row) {
                let constant = -largest(x) * scale;
                for value in x.iter_mut() {
                    *value = I::fma(*value, scale, constant);
                }
            }
            for value in x.iter_mut() {
                *value = exp::<I>(*value);
            }
            for x in x.chunks_exact_mut(row) {
                let share = 1.0 / total(x);
                for value in x.iter_mut() {
                    *value *= share;
                }
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
fn largest(x: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; 16];
    let chunks = x.chunks_exact(16);
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, larger);
    for x in chunks {
        for lane in 0..16 {
            lanes[lane] = larger(lanes[lane], x[lane]);
        }
    }
    lanes.into_iter().fold(rest, larger)
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

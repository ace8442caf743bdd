//! `a gelu(b)` of the two halves of the channels of `[batch, 2 channels, positions]` (Shazeer 2020, arXiv 2002.05202), with
//! `gelu(b) = b Phi(b)`, where Phi is the distribution function of a standard normal (Hendrycks & Gimpel 2016, arXiv 1606.08415).

use rayon::prelude::*;

use crate::cpu::exp::{exp, normal_cdf};
use crate::cpu::scratch;
use crate::cpu::simd::{Simd, vectorised};

/// Numbers that a thread takes at once.
const LEAST: usize = 4096;

/// The product, `[batch, channels, positions]`, where `half` is channels times positions.
pub fn multiply(simd: Simd, half: usize, x: &[f32]) -> Vec<f32> {
    let mut y = scratch::zeros(x.len() / 2);
    y.par_chunks_mut(half).zip(x.par_chunks(2 * half)).for_each(|(y, x)| {
        let (a, b) = x.split_at(half);
        let parts = y.par_chunks_mut(LEAST).zip(a.par_chunks(LEAST)).zip(b.par_chunks(LEAST));
        parts.for_each(|((y, a), b)| forward(simd, a, b, y));
    });
    y
}

/// The gradient, from that of the product, `dy`.
pub fn gradient(simd: Simd, half: usize, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let mut dx = scratch::zeros(x.len());
    dx.par_chunks_mut(2 * half).zip(x.par_chunks(2 * half)).zip(dy.par_chunks(half)).for_each(
        |((dx, x), dy)| {
            let ((da, db), (a, b)) = (dx.split_at_mut(half), x.split_at(half));
            let inputs = a.par_chunks(LEAST).zip(b.par_chunks(LEAST)).zip(dy.par_chunks(LEAST));
            let parts = da.par_chunks_mut(LEAST).zip(db.par_chunks_mut(LEAST)).zip(inputs);
            parts.for_each(|((da, db), ((a, b), dy))| backward(simd, a, b, dy, da, db));
        },
    );
    dx
}

vectorised! {
    fn forward(a: &[f32], b: &[f32], y: &mut [f32]) {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y = a * b * normal_cdf::<I>(*b);
        }
    }
}

vectorised! {
    fn backward(a: &[f32], b: &[f32], dy: &[f32], da: &mut [f32], db: &mut [f32]) {
        /// The density at 0.
        const PEAK: f32 = 0.398_942_3;
        for ((((da, db), a), b), dy) in da.iter_mut().zip(db).zip(a).zip(b).zip(dy) {
            let below = normal_cdf::<I>(*b);
            *da = dy * b * below;
            *db = dy * a * I::fma(*b, PEAK * exp::<I>(-0.5 * b * b), below);
        }
    }
}

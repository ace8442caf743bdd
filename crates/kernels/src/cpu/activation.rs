//! Functions of single numbers that stand between layers.

use rayon::prelude::*;

use crate::cpu::exp::{exp, sigmoid};
use crate::cpu::scratch;
use crate::cpu::simd::{Isa, Simd, vectorised};

/// Numbers that a thread takes at once.
const LEAST: usize = 16_384;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `x`, below 0 times a slope.
    LeakyRelu {
        /// From 0 to 1.
        slope: f32,
    },
    /// `ln(1 + eˣ)`
    Softplus,
}

/// Its values.
pub fn values(simd: Simd, activation: Activation, x: &[f32]) -> Vec<f32> {
    let mut y = scratch::zeros(x.len());
    y.par_chunks_mut(LEAST).zip(x.par_chunks(LEAST)).for_each(|(y, x)| match activation {
        Activation::LeakyRelu { slope } => leaky_relu(simd, slope, x, y),
        Activation::Softplus => softplus(simd, x, y),
    });
    y
}

/// The gradient of `x`, from that of the values, `dy`.
pub fn gradient(simd: Simd, activation: Activation, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let mut dx = scratch::zeros(x.len());
    let parts = dx.par_chunks_mut(LEAST).zip(x.par_chunks(LEAST)).zip(dy.par_chunks(LEAST));
    parts.for_each(|((dx, x), dy)| match activation {
        Activation::LeakyRelu { slope } => leaky_relu_gradient(simd, slope, x, dy, dx),
        Activation::Softplus => softplus_gradient(simd, x, dy, dx),
    });
    dx
}

vectorised! {
    fn leaky_relu(slope: f32, x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = if *x < 0.0 { slope * x } else { *x };
        }
    }
}

vectorised! {
    fn leaky_relu_gradient(slope: f32, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
            *dx = if *x < 0.0 { slope * dy } else { *dy };
        }
    }
}

vectorised! {
    fn softplus(x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            let above = if *x < 0.0 { 0.0 } else { *x };
            *y = above + ln_1p::<I>(exp::<I>(-x.abs()));
        }
    }
}

vectorised! {
    fn softplus_gradient(x: &[f32], dy: &[f32], dx: &mut [f32]) {
        for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
            *dx = dy * sigmoid::<I>(*x);
        }
    }
}

/// ln(1 + u) for u from 0 to 1, as `2 artanh(s)` with `s = u / (2 + u)` up to 1/3; what its series leaves out is below 2⁻²⁵ of it.
#[inline(always)]
fn ln_1p<I: Isa>(u: f32) -> f32 {
    let s = u / (2.0 + u);
    let square = s * s;
    let mut p = 2.0 / 15.0;
    for denominator in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        p = I::fma(p, square, 2.0 / denominator);
    }
    s * p
}

//! The one-dimensional transforms of F(4, 3), on sixteen numbers at once.
//!
//! Lagrange interpolation at 0, ±A, ±B and infinity (Winograd 1980; Lavin and Gray 2016, arXiv 1509.09308, section 4.3).
//! Lavin's own points, ±1 and ±2, round worse than these: their powers differ more in size.

use crate::cpu::simd::Isa;

/// Numbers that are transformed together.
pub(super) const GROUP: usize = 16;
pub(super) type Lanes = [f32; GROUP];

const A: f32 = 0.75;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;
/// The derivative of x (x² - A²) (x² - B²) at the points, inverted.
const AT_0: f32 = 1.0 / (A2 * B2);
const AT_A: f32 = 1.0 / (2.0 * A2 * (A2 - B2));
const AT_B: f32 = 1.0 / (2.0 * B2 * (B2 - A2));

// Loops, and no closures: those would not be compiled for the instruction set of their caller unless inlined.

#[inline(always)]
pub(super) fn add(mut x: Lanes, y: Lanes) -> Lanes {
    for i in 0..GROUP {
        x[i] += y[i];
    }
    x
}

#[inline(always)]
fn sub(mut x: Lanes, y: Lanes) -> Lanes {
    for i in 0..GROUP {
        x[i] -= y[i];
    }
    x
}

/// `a x + y`
#[inline(always)]
fn axpy<I: Isa>(a: f32, mut x: Lanes, y: Lanes) -> Lanes {
    for i in 0..GROUP {
        x[i] = I::fma(a, x[i], y[i]);
    }
    x
}

#[inline(always)]
fn scale(a: f32, mut x: Lanes) -> Lanes {
    for value in &mut x {
        *value *= a;
    }
    x
}

/// Bᵀ: a window of six inputs at the six points.
#[inline(always)]
pub(super) fn window<I: Isa>(d: [Lanes; 6]) -> [Lanes; 6] {
    let even_a = axpy::<I>(-B2, d[2], d[4]);
    let odd_a = scale(A, axpy::<I>(-B2, d[1], d[3]));
    let even_b = axpy::<I>(-A2, d[2], d[4]);
    let odd_b = scale(B, axpy::<I>(-A2, d[1], d[3]));
    [
        axpy::<I>(A2 * B2, d[0], axpy::<I>(-(A2 + B2), d[2], d[4])),
        add(even_a, odd_a),
        sub(even_a, odd_a),
        add(even_b, odd_b),
        sub(even_b, odd_b),
        axpy::<I>(A2 * B2, d[1], axpy::<I>(-(A2 + B2), d[3], d[5])),
    ]
}

/// G: three weights at the six points.
#[inline(always)]
pub(super) fn weight<I: Isa>(g: [Lanes; 3]) -> [Lanes; 6] {
    let even_a = scale(AT_A, axpy::<I>(A2, g[2], g[0]));
    let odd_a = scale(AT_A * A, g[1]);
    let even_b = scale(AT_B, axpy::<I>(B2, g[2], g[0]));
    let odd_b = scale(AT_B * B, g[1]);
    [scale(AT_0, g[0]), add(even_a, odd_a), sub(even_a, odd_a), add(even_b, odd_b), sub(even_b, odd_b), g[2]]
}

/// Gᵀ: the gradient of three weights from that at the six points.
#[inline(always)]
pub(super) fn weight_gradient<I: Isa>(u: [Lanes; 6]) -> [Lanes; 3] {
    let (even_a, odd_a) = (scale(AT_A, add(u[1], u[2])), scale(AT_A * A, sub(u[1], u[2])));
    let (even_b, odd_b) = (scale(AT_B, add(u[3], u[4])), scale(AT_B * B, sub(u[3], u[4])));
    [
        axpy::<I>(AT_0, u[0], add(even_a, even_b)),
        add(odd_a, odd_b),
        axpy::<I>(A2, even_a, axpy::<I>(B2, even_b, u[5])),
    ]
}

/// Aᵀ: four outputs from the products at the six points.
#[inline(always)]
pub(super) fn tile<I: Isa>(m: [Lanes; 6]) -> [Lanes; 4] {
    let (even_a, odd_a) = (add(m[1], m[2]), sub(m[1], m[2]));
    let (even_b, odd_b) = (add(m[3], m[4]), sub(m[3], m[4]));
    [
        add(m[0], add(even_a, even_b)),
        axpy::<I>(A, odd_a, scale(B, odd_b)),
        axpy::<I>(A2, even_a, scale(B2, even_b)),
        axpy::<I>(A2 * A, odd_a, axpy::<I>(B2 * B, odd_b, m[5])),
    ]
}

/// A: the gradient of the products at the six points from that of four outputs.
#[inline(always)]
pub(super) fn tile_gradient<I: Isa>(d: [Lanes; 4]) -> [Lanes; 6] {
    let (even_a, odd_a) = (axpy::<I>(A2, d[2], d[0]), axpy::<I>(A2 * A, d[3], scale(A, d[1])));
    let (even_b, odd_b) = (axpy::<I>(B2, d[2], d[0]), axpy::<I>(B2 * B, d[3], scale(B, d[1])));
    [d[0], add(even_a, odd_a), sub(even_a, odd_a), add(even_b, odd_b), sub(even_b, odd_b), d[3]]
}

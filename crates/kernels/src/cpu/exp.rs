//! The exponential function, in steps that the compiler vectorises.

use crate::cpu::simd::Isa;

/// eˣ to 2 units in the last place, for x from -87 to 87; larger x count as 87.
///
/// Smaller x give 0: their exponentials, and what is made of them, would be subnormal, for which processors are slow.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; the polynomial is the Taylor series of eʳ, whose rest is below 2⁻²⁵.
#[inline(always)]
pub(crate) fn exp<I: Isa>(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const LEAST: f32 = -87.0;
    /// Adding it rounds to whole numbers.
    const ROUND: f32 = 12_582_912.0;
    let is_negligible = x < LEAST;
    let x = x.clamp(LEAST, -LEAST);
    let n = I::fma(x, std::f32::consts::LOG2_E, ROUND);
    // The lowest bits of the sum are the whole number.
    let power = f32::from_bits((n.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    let n = n - ROUND;
    let r = I::fma(n, -LN_2_LOW, I::fma(n, -LN_2_HIGH, x));
    let mut p = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = I::fma(p, r, coefficient);
    }
    if is_negligible { 0.0 } else { p * power }
}

/// 1 / (1 + e⁻ˣ)
#[inline(always)]
pub(crate) fn sigmoid<I: Isa>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<I>(-x))
}

/// The distribution function of a standard normal, to 1e-7.
#[inline(always)]
pub(crate) fn normal_cdf<I: Isa>(x: f32) -> f32 {
    0.5 + 0.5 * erf::<I>(x * std::f32::consts::FRAC_1_SQRT_2)
}

/// The error function, to 1.4e-7.
///
/// Up to 1, `erf(t) / t` is a polynomial of t²; from there to 4, where f32 has nothing more, `-ln(1 - erf(t))` is one of t.
/// Both were fitted at Chebyshev's points.
#[inline(always)]
fn erf<I: Isa>(x: f32) -> f32 {
    const NEAR: [f32; 7] = [
        7.882_497_4e-5,
        -8.018_855e-4,
        5.189_312e-3,
        -2.685_432_9e-2,
        1.128_359_7e-1,
        -3.761_262_6e-1,
        std::f32::consts::FRAC_2_SQRT_PI,
    ];
    const FAR: [f32; 9] = [
        -1.614_061_6e-6,
        4.559_062_3e-5,
        -5.927_695_3e-4,
        4.740_222_4e-3,
        -2.636_471_8e-2,
        1.099_782_4e-1,
        6.319_371e-1,
        1.130_166_6,
        -3.032_129_6e-4,
    ];
    let t = x.abs().min(4.0);
    let square = t * t;
    let mut near = NEAR[0];
    for coefficient in &NEAR[1..] {
        near = I::fma(near, square, *coefficient);
    }
    let mut far = FAR[0];
    for coefficient in &FAR[1..] {
        far = I::fma(far, t, *coefficient);
    }
    let far = 1.0 - exp::<I>(-far);
    (if t < 1.0 { t * near } else { far }).copysign(x)
}

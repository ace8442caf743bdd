//! The exponential function, in steps that the compiler vectorises.

use crate::cpu::simd::Isa;

/// eˣ to 2 units in the last place, for x from -87 to 88; smaller and larger x count as these.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; the polynomial is the Taylor series of eʳ, whose rest is below 2⁻²⁵.
#[inline(always)]
pub(crate) fn exp<I: Isa>(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// Adding it rounds to whole numbers.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let n = I::fma(x, std::f32::consts::LOG2_E, ROUND);
    // The lowest bits of the sum are the whole number.
    let power = f32::from_bits((n.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    let n = n - ROUND;
    let r = I::fma(n, -LN_2_LOW, I::fma(n, -LN_2_HIGH, x));
    let mut p = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = I::fma(p, r, coefficient);
    }
    p * power
}

/// 1 / (1 + e⁻ˣ)
#[inline(always)]
pub(crate) fn sigmoid<I: Isa>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<I>(-x))
}

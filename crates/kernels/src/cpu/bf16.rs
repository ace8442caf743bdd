//! The innermost product with operands rounded to bfloat16 and sums in f32.
//!
//! Two neighbours along the depth share 32 bits, as the instruction `vdpbf16ps` (AVX512-BF16) takes them. CPUs without it
//! do the same in steps, more slowly than in f32.

use std::cell::RefCell;

use crate::cpu::block::{LANES, View};
use crate::cpu::simd::{Simd, vectorised};

/// Whether this CPU multiplies bfloat16 numbers in hardware.
pub fn is_in_hardware() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512f")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// The nearest bfloat16, ties to even, as the upper half of an f32.
#[inline(always)]
fn round(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) & 0xffff_0000;
    if x.is_nan() { bits & 0xffff_0000 | 0x40_0000 } else { rounded }
}

#[inline(always)]
fn pair(even: f32, odd: f32) -> u32 {
    round(even) >> 16 | round(odd)
}

thread_local! {
    static PACKED: RefCell<[Vec<u32>; 2]> = const { RefCell::new([const { Vec::new() }; 2]) };
}

/// As [`multiply_panel`](crate::cpu::block::multiply_panel), with rounded operands.
#[allow(clippy::too_many_arguments)]
pub(crate) fn multiply_panel(
    simd: Simd,
    a: View<'_>,
    b: &[f32],
    b_row: usize,
    c: &mut [f32],
    c_row: usize,
    rows: usize,
    depth: usize,
    add: bool,
) {
    let pairs = depth.div_ceil(2);
    PACKED.with_borrow_mut(|[left, right]| {
        left.resize(left.len().max(rows * pairs), 0);
        right.resize(right.len().max(pairs * LANES), 0);
        let (left, right) = (&mut left[..rows * pairs], &mut right[..pairs * LANES]);
        pack_rows(simd, a, depth, left);
        pack_columns(simd, b, b_row, depth, right);
        if !add {
            c.chunks_mut(c_row).take(rows).for_each(|row| row[..LANES].fill(0.0));
        }
        multiply(simd, left, right, c, c_row, pairs);
    });
}

fn multiply(simd: Simd, a: &[u32], b: &[u32], c: &mut [f32], c_row: usize, pairs: usize) {
    #[cfg(target_arch = "x86_64")]
    if is_in_hardware() && !simd.is_emulating_bf16() {
        // SAFETY: this CPU has the instructions.
        #[allow(unsafe_code)]
        return unsafe { hardware::multiply(a, b, c, c_row, pairs) };
    }
    emulated(simd, a, b, c, c_row, pairs);
}

vectorised! {
    fn pack_rows(a: View<'_>, depth: usize, to: &mut [u32]) {
        let pairs = depth.div_ceil(2);
        for (r, to) in to.chunks_exact_mut(pairs).enumerate() {
            let row = &a.data[r * a.row..];
            for (k, to) in to.iter_mut().enumerate() {
                let odd = if 2 * k + 1 < depth { row[(2 * k + 1) * a.column] } else { 0.0 };
                *to = pair(row[2 * k * a.column], odd);
            }
        }
    }
}

vectorised! {
    fn pack_columns(b: &[f32], b_row: usize, depth: usize, to: &mut [u32]) {
        const ZEROS: [f32; LANES] = [0.0; LANES];
        for (k, to) in to.chunks_exact_mut(LANES).enumerate() {
            let even = &b[2 * k * b_row..][..LANES];
            let odd = if 2 * k + 1 < depth { &b[(2 * k + 1) * b_row..][..LANES] } else { &ZEROS };
            for lane in 0..LANES {
                to[lane] = pair(even[lane], odd[lane]);
            }
        }
    }
}

vectorised! {
    /// The odd ones of each pair first, as the hardware does.
    fn emulated(a: &[u32], b: &[u32], c: &mut [f32], c_row: usize, pairs: usize) {
        for (r, a) in a.chunks_exact(pairs).enumerate() {
            let mut sums = [0.0; LANES];
            sums.copy_from_slice(&c[r * c_row..][..LANES]);
            for (a, b) in a.iter().zip(b.chunks_exact(LANES)) {
                let [even, odd] = [f32::from_bits(a << 16), f32::from_bits(a & 0xffff_0000)];
                for lane in 0..LANES {
                    let sum = I::fma(odd, f32::from_bits(b[lane] & 0xffff_0000), sums[lane]);
                    sums[lane] = I::fma(even, f32::from_bits(b[lane] << 16), sum);
                }
            }
            c[r * c_row..][..LANES].copy_from_slice(&sums);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod hardware {
    use std::arch::x86_64::*;
    use std::mem::transmute;

    use super::LANES;

    /// Rows whose sums fit the registers.
    const TALL: usize = 12;

    /// `c += a b` for whole rows of pairs.
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn multiply(a: &[u32], b: &[u32], c: &mut [f32], c_row: usize, pairs: usize) {
        let rows = a.len() / pairs;
        assert!(b.len() >= pairs * LANES && c.len() >= (rows - 1) * c_row + LANES);
        let mut row = 0;
        while row < rows {
            let (a, c) = (&a[row * pairs..], &mut c[row * c_row..]);
            // SAFETY: so many rows are left, and the assertion above.
            unsafe {
                row += match rows - row {
                    TALL.. => block::<TALL>(a, b, c, c_row, pairs),
                    4.. => block::<4>(a, b, c, c_row, pairs),
                    _ => block::<1>(a, b, c, c_row, pairs),
                };
            }
        }
    }

    /// Returns its number of rows.
    ///
    /// # Safety
    ///
    /// `a` has `ROWS` rows of `pairs`, `b` `pairs` rows, `c` `ROWS` rows that are `c_row` apart.
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn block<const ROWS: usize>(
        a: &[u32],
        b: &[u32],
        c: &mut [f32],
        c_row: usize,
        pairs: usize,
    ) -> usize {
        // SAFETY: the caller's promise; both vector types are 512 bits of anything.
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
            for (r, sums) in sums.iter_mut().enumerate() {
                let c = c.as_ptr().add(r * c_row);
                *sums = [_mm512_loadu_ps(c), _mm512_loadu_ps(c.add(16))];
            }
            for k in 0..pairs {
                let b = b.as_ptr().add(k * LANES).cast::<__m512i>();
                let b = [
                    transmute::<__m512i, __m512bh>(b.read_unaligned()),
                    transmute::<__m512i, __m512bh>(b.add(1).read_unaligned()),
                ];
                for (r, sums) in sums.iter_mut().enumerate() {
                    let a: __m512bh = transmute(_mm512_set1_epi32(*a.as_ptr().add(r * pairs + k) as i32));
                    for half in 0..2 {
                        sums[half] = _mm512_dpbf16_ps(sums[half], a, b[half]);
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                let c = c.as_mut_ptr().add(r * c_row);
                _mm512_storeu_ps(c, sums[0]);
                _mm512_storeu_ps(c.add(16), sums[1]);
            }
        }
        ROWS
    }
}

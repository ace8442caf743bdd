//! Transposing rectangles of numbers: channels-first memory to pixels with their channels side by side, and back.

use crate::cpu::simd::Isa;

/// Rows and columns of the squares that are transposed in registers.
const SIDE: usize = 8;

/// A matrix of `rows` by `columns`, its columns as rows.
///
/// # Panics
///
/// If there are not so many numbers.
pub fn transposed(from: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    /// Squares of so many rows and columns fit a processor's nearest memory.
    const NEAR: usize = 32;
    assert_eq!(from.len(), rows * columns, "{rows} rows of {columns}");
    let mut to = vec![0.0; from.len()];
    for top in (0..rows).step_by(NEAR) {
        for left in (0..columns).step_by(NEAR) {
            for row in top..rows.min(top + NEAR) {
                for column in left..columns.min(left + NEAR) {
                    to[column * rows + row] = from[row * columns + column];
                }
            }
        }
    }
    to
}

/// `to[c * to_row + r] = from[r * from_row + c]` for `rows` by `columns`.
///
/// # Panics
///
/// If a slice is too short.
#[inline(always)]
pub(crate) fn rectangle<I: Isa>(
    from: &[f32],
    from_row: usize,
    to: &mut [f32],
    to_row: usize,
    rows: usize,
    columns: usize,
) {
    let (whole_rows, whole_columns) = (rows - rows % SIDE, columns - columns % SIDE);
    for r in (0..whole_rows).step_by(SIDE) {
        for c in (0..whole_columns).step_by(SIDE) {
            square::<I>(&from[r * from_row + c..], from_row, &mut to[c * to_row + r..], to_row);
        }
    }
    for r in 0..rows {
        let first = if r < whole_rows { whole_columns } else { 0 };
        for c in first..columns {
            to[c * to_row + r] = from[r * from_row + c];
        }
    }
}

/// # Panics
///
/// If a slice is too short.
#[inline(always)]
fn square<I: Isa>(from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
    assert!(from.len() >= (SIDE - 1) * from_row + SIDE && to.len() >= (SIDE - 1) * to_row + SIDE);
    #[cfg(target_arch = "x86_64")]
    if I::AVX {
        // SAFETY: this CPU has AVX, and the slices hold eight rows of eight.
        return unsafe { avx::square(from.as_ptr(), from_row, to.as_mut_ptr(), to_row) };
    }
    for r in 0..SIDE {
        for c in 0..SIDE {
            to[c * to_row + r] = from[r * from_row + c];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx {
    use std::arch::x86_64::*;

    use super::SIDE;

    /// Neighbours are exchanged one, two and four apart.
    ///
    /// # Safety
    ///
    /// `from` is readable and `to` writable for eight rows of eight numbers.
    #[inline]
    #[target_feature(enable = "avx")]
    pub(super) unsafe fn square(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
        // SAFETY: the caller's promise.
        let x: [__m256; SIDE] = std::array::from_fn(|r| unsafe { _mm256_loadu_ps(from.add(r * from_row)) });
        let pairs: [__m256; SIDE] = std::array::from_fn(|i| {
            let (a, b) = (x[i & !1], x[i | 1]);
            if i % 2 == 0 { _mm256_unpacklo_ps(a, b) } else { _mm256_unpackhi_ps(a, b) }
        });
        let fours: [__m256; SIDE] = std::array::from_fn(|i| {
            let (a, b) = (pairs[(i & 4) | (i >> 1 & 1)], pairs[(i & 4) | (i >> 1 & 1) | 2]);
            if i % 2 == 0 {
                _mm256_shuffle_ps::<0b01_00_01_00>(a, b)
            } else {
                _mm256_shuffle_ps::<0b11_10_11_10>(a, b)
            }
        });
        for i in 0..SIDE {
            let (a, b) = (fours[i & 3], fours[i & 3 | 4]);
            let row = if i < 4 {
                _mm256_permute2f128_ps::<0x20>(a, b)
            } else {
                _mm256_permute2f128_ps::<0x31>(a, b)
            };
            // SAFETY: the caller's promise.
            unsafe { _mm256_storeu_ps(to.add(i * to_row), row) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::transposed;

    #[test]
    fn columns_become_rows_beyond_a_square_too() {
        let (rows, columns) = (35, 67);
        let from: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
        let to = transposed(&from, [rows, columns]);
        for (i, &value) in to.iter().enumerate() {
            assert_eq!(value as usize, i % rows * columns + i / rows);
        }
    }
}

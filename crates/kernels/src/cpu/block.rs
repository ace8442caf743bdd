//! The innermost product: a tall matrix times a panel of [`LANES`] columns.

use crate::cpu::bf16;
use crate::cpu::simd::{Isa, Simd, vectorised};

/// Columns of a panel.
pub const LANES: usize = 32;

/// A matrix of numbers in memory: element (r, c) is at `r * row + c * column`.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// Distance of rows.
    pub row: usize,
    /// Distance of columns.
    pub column: usize,
}

/// `c (+)= a b`, where `c` is `rows` by 32, `a` is `rows` by `depth`, `b` is `depth` by 32; `b` and `c` have rows
/// `b_row` and `c_row` apart.
///
/// # Panics
///
/// If a slice is too short.
#[allow(clippy::too_many_arguments)]
pub fn multiply_panel(
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
    if rows == 0 {
        return;
    }
    if depth == 0 {
        if !add {
            c.chunks_mut(c_row).take(rows).for_each(|row| row[..LANES].fill(0.0));
        }
        return;
    }
    if simd.is_bf16() {
        bf16::multiply_panel(simd, a, b, b_row, c, c_row, rows, depth, add);
    } else {
        multiply_panel_f32(simd, a, b, b_row, c, c_row, rows, depth, add);
    }
}

vectorised! {
    /// Of at least one row and a depth of at least one.
    fn multiply_panel_f32(
        a: View<'_>, b: &[f32], b_row: usize, c: &mut [f32], c_row: usize, rows: usize, depth: usize, add: bool,
    ) {
        assert!(a.data.len() > (rows - 1) * a.row + (depth - 1) * a.column);
        assert!(b.len() >= (depth - 1) * b_row + LANES && c.len() >= (rows - 1) * c_row + LANES);
        let (tall, wide) = I::ACCUMULATORS;
        // A stripe of `b` as wide as a block stays in the nearest cache while all rows of `a` go by.
        for lane in (0..LANES).step_by(wide) {
            let mut first = 0;
            while first < rows {
                let left = rows - first;
                let height = if left >= tall { tall } else if left >= 8 && tall > 8 { 8 } else if left >= 4 { 4 } else { 1 };
                // SAFETY: the assertions above; `first + height <= rows` and `lane + wide <= LANES`.
                unsafe {
                    let a = Strided { at: a.data.as_ptr().add(first * a.row), row: a.row, column: a.column };
                    let b = Strided { at: b.as_ptr().add(lane), row: b_row, column: 1 };
                    let c = Target { at: c.as_mut_ptr().add(first * c_row + lane), row: c_row, add };
                    match (height, wide) {
                        (12, 32) => block::<I, 12, 32>(a, b, c, depth),
                        (8, 32) => block::<I, 8, 32>(a, b, c, depth),
                        (4, 32) => block::<I, 4, 32>(a, b, c, depth),
                        (_, 32) => block::<I, 1, 32>(a, b, c, depth),
                        (6, 16) => block::<I, 6, 16>(a, b, c, depth),
                        (4, 16) => block::<I, 4, 16>(a, b, c, depth),
                        (_, 16) => block::<I, 1, 16>(a, b, c, depth),
                        (4, _) => block::<I, 4, 8>(a, b, c, depth),
                        _ => block::<I, 1, 8>(a, b, c, depth),
                    }
                }
                first += height;
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Strided {
    at: *const f32,
    row: usize,
    column: usize,
}

#[derive(Clone, Copy)]
struct Target {
    at: *mut f32,
    row: usize,
    add: bool,
}

/// One block of accumulators, kept in registers over the whole depth.
///
/// # Safety
///
/// `a` is readable for `ROWS` by `depth`, `b` for `depth` by `COLUMNS`, `c` writable for `ROWS` by `COLUMNS`.
#[inline(always)]
unsafe fn block<I: Isa, const ROWS: usize, const COLUMNS: usize>(
    a: Strided,
    b: Strided,
    c: Target,
    depth: usize,
) {
    let mut sums = [[0.0; COLUMNS]; ROWS];
    // SAFETY: the caller's promise.
    unsafe {
        if c.add {
            for (r, sums) in sums.iter_mut().enumerate() {
                *sums = *c.at.add(r * c.row).cast::<[f32; COLUMNS]>();
            }
        }
        if a.column == 1 {
            for k in 0..depth {
                step::<I, ROWS, COLUMNS>(&mut sums, |r| *a.at.add(r * a.row + k), b.at.add(k * b.row));
            }
        } else {
            for k in 0..depth {
                let column = a.at.add(k * a.column);
                step::<I, ROWS, COLUMNS>(&mut sums, |r| *column.add(r * a.row), b.at.add(k * b.row));
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            *c.at.add(r * c.row).cast::<[f32; COLUMNS]>() = *sums;
        }
    }
}

/// # Safety
///
/// `b` is readable for `COLUMNS` numbers.
#[inline(always)]
unsafe fn step<I: Isa, const ROWS: usize, const COLUMNS: usize>(
    sums: &mut [[f32; COLUMNS]; ROWS],
    a: impl Fn(usize) -> f32,
    b: *const f32,
) {
    // SAFETY: the caller's promise; `f32` and its arrays have the same alignment.
    let b = unsafe { *b.cast::<[f32; COLUMNS]>() };
    for (r, sums) in sums.iter_mut().enumerate() {
        let a = a(r);
        for (sum, b) in sums.iter_mut().zip(&b) {
            *sum = I::fma(a, *b, *sum);
        }
    }
}

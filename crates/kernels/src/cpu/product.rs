//! Matrix products of any strides.

use crate::cpu::block::{LANES, View, multiply_panel};
use crate::cpu::scratch;
use crate::cpu::simd::{Simd, vectorised};
use crate::cpu::transpose::rectangle;

/// Rows of `b` that are packed together: a panel of them fits a core's first-level cache.
const DEPTH: usize = 256;

/// Sizes of a product `c = a b`: `c` has `rows` and `columns`, `b` has `depth` rows.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Rows of `a` and `c`.
    pub rows: usize,
    /// Columns of `a`, rows of `b`.
    pub depth: usize,
    /// Columns of `b` and `c`.
    pub columns: usize,
}

/// `c (+)= a b` on this thread; rows of `c` are `c_row` apart.
///
/// # Panics
///
/// If a slice is too short.
pub fn multiply(simd: Simd, sizes: Sizes, a: View<'_>, b: View<'_>, c: &mut [f32], c_row: usize, add: bool) {
    let Sizes { rows, depth, columns } = sizes;
    scratch::with([DEPTH * LANES, rows * LANES], |[packed, edge]| {
        for column in (0..columns).step_by(LANES) {
            let width = LANES.min(columns - column);
            for first in (0..depth).step_by(DEPTH) {
                let deep = DEPTH.min(depth - first);
                pack(
                    simd,
                    View { data: &b.data[first * b.row + column * b.column..], ..b },
                    deep,
                    width,
                    packed,
                );
                let a = View { data: &a.data[first * a.column..], ..a };
                let add = add || first > 0;
                if width == LANES {
                    multiply_panel(simd, a, packed, LANES, &mut c[column..], c_row, rows, deep, add);
                    continue;
                }
                multiply_panel(simd, a, packed, LANES, edge, LANES, rows, deep, false);
                for (row, sums) in edge.chunks(LANES).enumerate() {
                    let to = &mut c[row * c_row + column..][..width];
                    to.iter_mut().zip(sums).for_each(|(to, sum)| *to = if add { *to + sum } else { *sum });
                }
            }
        }
    });
}

vectorised! {
    /// `depth` rows of `width` columns side by side, filled up with zeros to [`LANES`].
    pub(crate) fn pack(b: View<'_>, depth: usize, width: usize, to: &mut [f32]) {
        if width < LANES {
            to[..depth * LANES].fill(0.0);
        }
        if b.column == 1 {
            for (k, to) in to.chunks_exact_mut(LANES).take(depth).enumerate() {
                let row = &b.data[k * b.row..][..width];
                if width == LANES { to.copy_from_slice(row) } else { to[..width].copy_from_slice(row) }
            }
        } else if b.row == 1 {
            rectangle::<I>(b.data, b.column, to, LANES, width, depth);
        } else {
            for k in 0..depth {
                for c in 0..width {
                    to[k * LANES + c] = b.data[k * b.row + c * b.column];
                }
            }
        }
    }
}

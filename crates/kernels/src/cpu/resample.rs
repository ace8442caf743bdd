//! Squares of pixels: their sums or means, and the reverse, one value for all pixels of a square.
//!
//! An image's last squares may be cut off by its edges.

use rayon::prelude::*;

use crate::cpu::scratch;
use crate::cpu::simd::{Simd, vectorised};

/// Numbers that a thread takes at once.
const LEAST: usize = 16_384;

/// Squares of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Squares {
    /// Height and width of an image.
    pub size: [usize; 2],
    /// Side of a square.
    pub side: usize,
    /// Whether a pixel counts as its share of the square: means instead of sums.
    pub shares: bool,
}

impl Squares {
    /// How many there are, down and across.
    pub fn count(&self) -> [usize; 2] {
        self.size.map(|pixels| pixels.div_ceil(self.side))
    }

    /// What the pixels of the square of some row and column count.
    fn weight(&self, row: usize, column: usize) -> f32 {
        let within = |index: usize, pixels: usize| self.side.min(pixels - index * self.side);
        if self.shares {
            1.0 / (within(row, self.size[0]) * within(column, self.size[1])) as f32
        } else {
            1.0
        }
    }

    fn areas(&self) -> [usize; 2] {
        [self.size, self.count()].map(|[down, across]| down * across)
    }
}

/// The sum or mean of each square of the images `x` `[images, height, width]`.
pub fn gather(simd: Simd, squares: Squares, x: &[f32]) -> Vec<f32> {
    let [pixels, count] = squares.areas();
    let mut y = scratch::zeros(x.len() / pixels * count);
    let images = y.par_chunks_mut(count).zip(x.par_chunks(pixels)).with_min_len(LEAST.div_ceil(pixels));
    images.for_each(|(y, x)| gather_image(simd, squares, x, y));
    y
}

/// The images `[images, height, width]` whose pixels are the values of their squares `x`, each its share of it with
/// [`Squares::shares`]: the gradient of [`gather`].
pub fn spread(simd: Simd, squares: Squares, x: &[f32]) -> Vec<f32> {
    let [pixels, count] = squares.areas();
    let mut y = scratch::zeros(x.len() / count * pixels);
    let images = y.par_chunks_mut(pixels).zip(x.par_chunks(count)).with_min_len(LEAST.div_ceil(pixels));
    images.for_each(|(y, x)| spread_image(simd, squares, x, y));
    y
}

vectorised! {
    fn gather_image(squares: Squares, x: &[f32], y: &mut [f32]) {
        let (Squares { size: [_, width], side, .. }, [_, across]) = (squares, squares.count());
        for (row, (y, x)) in y.chunks_exact_mut(across).zip(x.chunks(side * width)).enumerate() {
            for x in x.chunks_exact(width) {
                if side == 2 && width == 2 * across {
                    for (y, x) in y.iter_mut().zip(x.chunks_exact(2)) {
                        *y += x[0] + x[1];
                    }
                } else {
                    for (y, x) in y.iter_mut().zip(x.chunks(side)) {
                        *y += x.iter().sum::<f32>();
                    }
                }
            }
            for (column, y) in y.iter_mut().enumerate() {
                *y *= squares.weight(row, column);
            }
        }
    }
}

vectorised! {
    fn spread_image(squares: Squares, x: &[f32], y: &mut [f32]) {
        let (Squares { size: [_, width], side, .. }, [_, across]) = (squares, squares.count());
        for (row, (y, x)) in y.chunks_mut(side * width).zip(x.chunks_exact(across)).enumerate() {
            let (first, others) = y.split_at_mut(width);
            for (column, (y, x)) in first.chunks_mut(side).zip(x).enumerate() {
                y.fill(x * squares.weight(row, column));
            }
            for y in others.chunks_exact_mut(width) {
                y.copy_from_slice(first);
            }
        }
    }
}

//! From pictures to tiles at the 36 points, and back; a tile is 4 by 4 pixels.

use super::points::{self, GROUP, Lanes};
use crate::cpu::simd::{Isa, vectorised};
use crate::cpu::transpose::rectangle;

pub(super) const TILE: usize = 4;
const WINDOW: usize = 6;
pub(super) const POINTS: usize = WINDOW * WINDOW;

/// A batch of pictures `[images, channels, height, width]` as rows of tiles.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

/// Tiles side by side in one row of one image.
struct Run {
    image: usize,
    row: usize,
    column: usize,
    count: usize,
    /// Tiles of this call that come before it.
    before: usize,
}

impl Grid {
    pub(super) fn tiles(&self) -> usize {
        self.height.div_ceil(TILE) * self.width.div_ceil(TILE)
    }

    pub(super) fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Length of the scratch memory of this module's functions.
    pub(super) fn scratch(&self) -> usize {
        WINDOW * (self.width.next_multiple_of(TILE) + 2) * GROUP
    }

    /// The tiles `first..first + count`, counted over all images.
    fn runs(self, first: usize, count: usize) -> impl Iterator<Item = Run> {
        let (per_row, per_image) = (self.width.div_ceil(TILE), self.tiles());
        let mut before = 0;
        std::iter::from_fn(move || {
            let (image, within) = ((first + before) / per_image, (first + before) % per_image);
            let (row, column) = (within / per_row, within % per_row);
            let run = Run { image, row, column, count: (per_row - column).min(count - before), before };
            before += run.count;
            (run.count > 0).then_some(run)
        })
    }
}

/// Where the numbers of a tile go: point p of tile t is at `p * point + t * tile`, sixteen channels together.
#[derive(Clone, Copy)]
pub(super) struct Strides {
    pub(super) point: usize,
    pub(super) tile: usize,
}

vectorised! {
    /// The windows of tiles at the 36 points, for the channels from `channel`, sixteen at most.
    pub(super) fn windows(
        x: &[f32], grid: Grid, channel: usize, first: usize, count: usize,
        to: &mut [f32], strides: Strides, scratch: &mut [f32],
    ) {
        for run in grid.runs(first, count) {
            let pixels = run.count * TILE + 2;
            load::<I>(x, grid, channel, &run, 1, scratch);
            for x in 0..pixels {
                let column = read(scratch, x * GROUP, pixels * GROUP);
                for (y, lanes) in points::window::<I>(column).iter().enumerate() {
                    write(scratch, (y * pixels + x) * GROUP, lanes);
                }
            }
            for tile in 0..run.count {
                for y in 0..WINDOW {
                    let row = read(scratch, (y * pixels + tile * TILE) * GROUP, GROUP);
                    for (x, lanes) in points::window::<I>(row).iter().enumerate() {
                        write(to, (y * WINDOW + x) * strides.point + (run.before + tile) * strides.tile, lanes);
                    }
                }
            }
        }
    }
}

vectorised! {
    /// The gradients of the products at the 36 points from the gradients of tiles.
    pub(super) fn tile_gradients(
        dy: &[f32], grid: Grid, channel: usize, first: usize, count: usize,
        to: &mut [f32], strides: Strides, scratch: &mut [f32],
    ) {
        for run in grid.runs(first, count) {
            let pixels = run.count * TILE;
            load::<I>(dy, grid, channel, &run, 0, scratch);
            for x in 0..pixels {
                let column = read(scratch, x * GROUP, pixels * GROUP);
                for (y, lanes) in points::tile_gradient::<I>(column).iter().enumerate() {
                    write(scratch, (y * pixels + x) * GROUP, lanes);
                }
            }
            for tile in 0..run.count {
                for y in 0..WINDOW {
                    let row = read(scratch, (y * pixels + tile * TILE) * GROUP, GROUP);
                    for (x, lanes) in points::tile_gradient::<I>(row).iter().enumerate() {
                        write(to, (y * WINDOW + x) * strides.point + (run.before + tile) * strides.tile, lanes);
                    }
                }
            }
        }
    }
}

vectorised! {
    /// Tiles from the products at the 36 points, plus a bias, into the channels from `channel` of each of `images`,
    /// sixteen at most.
    pub(super) fn tiles(
        from: &[f32], strides: Strides, bias: Lanes, images: &mut [&mut [f32]], grid: Grid, channel: usize,
        first: usize, count: usize, scratch: &mut [f32],
    ) {
        for run in grid.runs(first, count) {
            let pixels = run.count * TILE;
            for tile in 0..run.count {
                for y in 0..WINDOW {
                    let at = y * WINDOW * strides.point + (run.before + tile) * strides.tile;
                    let row = read(from, at, strides.point);
                    for (x, lanes) in points::tile::<I>(row).iter().enumerate() {
                        write(scratch, (y * pixels + tile * TILE + x) * GROUP, lanes);
                    }
                }
            }
            for x in 0..pixels {
                let column = read(scratch, x * GROUP, pixels * GROUP);
                for (y, lanes) in points::tile::<I>(column).iter().enumerate() {
                    write(scratch, (y * pixels + x) * GROUP, &points::add(*lanes, bias));
                }
            }
            store::<I>(scratch, grid, channel, &run, images[run.image]);
        }
    }
}

/// The pixels of a run of tiles, and `border` pixels around it, with their channels side by side; zeros outside.
#[inline(always)]
fn load<I: Isa>(x: &[f32], grid: Grid, channel: usize, run: &Run, border: usize, to: &mut [f32]) {
    let pixels = run.count * TILE + 2 * border;
    let group = (grid.channels - channel).min(GROUP);
    // Where column 0 of `to` lies in the image, plus the border.
    let left = run.column * TILE;
    let (skip, first) = (border.saturating_sub(left), left.saturating_sub(border));
    let last = (left + pixels - border).min(grid.width);
    for y in 0..TILE + 2 * border {
        let row = &mut to[y * pixels * GROUP..(y + 1) * pixels * GROUP];
        let Some(y) = (run.row * TILE + y).checked_sub(border).filter(|&y| y < grid.height) else {
            row.fill(0.0);
            continue;
        };
        if group < GROUP {
            row.fill(0.0);
        }
        row[..skip * GROUP].fill(0.0);
        row[(skip + last - first) * GROUP..].fill(0.0);
        let at = (run.image * grid.channels + channel) * grid.plane() + y * grid.width + first;
        rectangle::<I>(&x[at..], grid.plane(), &mut row[skip * GROUP..], GROUP, group, last - first);
    }
}

#[inline(always)]
fn store<I: Isa>(from: &[f32], grid: Grid, channel: usize, run: &Run, image: &mut [f32]) {
    let pixels = run.count * TILE;
    let group = (grid.channels - channel).min(GROUP);
    let left = run.column * TILE;
    let inside = pixels.min(grid.width - left);
    for y in 0..TILE.min(grid.height - run.row * TILE) {
        let at = channel * grid.plane() + (run.row * TILE + y) * grid.width + left;
        rectangle::<I>(&from[y * pixels * GROUP..], GROUP, &mut image[at..], grid.plane(), inside, group);
    }
}

/// `N` times sixteen numbers, `stride` apart.
#[inline(always)]
fn read<const N: usize>(from: &[f32], at: usize, stride: usize) -> [Lanes; N] {
    let mut all = [[0.0; GROUP]; N];
    for (n, lanes) in all.iter_mut().enumerate() {
        lanes.copy_from_slice(&from[at + n * stride..][..GROUP]);
    }
    all
}

#[inline(always)]
fn write(to: &mut [f32], at: usize, lanes: &Lanes) {
    to[at..at + GROUP].copy_from_slice(lanes);
}

//! 3x3 convolutions of stride 1 by Winograd's F(4x4, 3x3): a quarter of the multiplications.
//!
//! Lavin and Gray 2016, arXiv 1509.09308. Tiles are transformed with sixteen channels side by side, so that their products
//! at each of the 36 points are one matrix product over the channels.

mod gradient;
mod points;
mod tiles;
mod weights;

use rayon::prelude::*;

pub use gradient::weight_gradient;
use points::GROUP;
use tiles::{Grid, POINTS, Strides};
use weights::Weights;

use crate::cpu::block::{LANES, View, multiply_panel};
use crate::cpu::scratch;
use crate::cpu::simd::Simd;

/// Fewest channels to multiply over for which this is worth it.
pub const LEAST: usize = GROUP;

/// A convolution of 3x3 taps, stride 1 and one pixel of padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv3x3 {
    /// Images.
    pub batch: usize,
    /// Channels that come in.
    pub inputs: usize,
    /// Channels that go out.
    pub outputs: usize,
    /// Pixels down.
    pub height: usize,
    /// Pixels across.
    pub width: usize,
}

impl Conv3x3 {
    /// Whether there are tiles enough for the transforms of the weights to pay.
    pub fn pays(&self) -> bool {
        self.batch * self.grid(1).tiles() >= 12
    }

    fn grid(&self, channels: usize) -> Grid {
        Grid { channels, height: self.height, width: self.width }
    }

    fn transposed(&self) -> Self {
        Self { inputs: self.outputs, outputs: self.inputs, ..*self }
    }
}

/// The convolution of `x` `[batch, inputs, height, width]` with `weight` `[outputs, inputs, 3, 3]`, plus `bias`
/// `[outputs]`.
pub fn convolve(simd: Simd, conv: Conv3x3, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    correlate(simd, conv, x, Weights::Forward(weight), bias)
}

/// The gradient of `x` from that of the result, `dy` `[batch, outputs, height, width]`.
pub fn input_gradient(simd: Simd, conv: Conv3x3, dy: &[f32], weight: &[f32]) -> Vec<f32> {
    correlate(simd, conv.transposed(), dy, Weights::Transposed(weight), None)
}

/// Bytes that the windows of one block of tiles may take: half of a core's second-level cache.
const WINDOWS_BYTES: usize = 768 << 10;

/// Tiles that are transformed together, of `count`.
fn tiles_together(channels: usize, count: usize) -> usize {
    let most = (WINDOWS_BYTES / (POINTS * channels * size_of::<f32>())).max(12);
    count.div_ceil(count.div_ceil(most)).next_multiple_of(4).min(count)
}

fn correlate(simd: Simd, conv: Conv3x3, x: &[f32], weights: Weights<'_>, bias: Option<&[f32]>) -> Vec<f32> {
    scratch::with([weights::length(conv.inputs, conv.outputs)], |[panels]| {
        weights::transform(simd, weights, conv.inputs, conv.outputs, panels);
        multiply_tiles(simd, conv, x, panels, bias)
    })
}

fn multiply_tiles(simd: Simd, conv: Conv3x3, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let (from, to) = (conv.grid(conv.inputs), conv.grid(conv.outputs));
    let mut y = scratch::zeros(conv.batch * conv.outputs * to.plane());
    let threads = rayon::current_num_threads();
    let images = (48usize.div_ceil(from.tiles())).min(conv.batch.div_ceil(2 * threads)).max(1);
    let panels = conv.outputs.div_ceil(LANES);
    let splits = threads.div_ceil(conv.batch.div_ceil(images)).min(panels);
    let panels = panels.div_ceil(splits);
    let mut tasks = Vec::new();
    for (i, y) in y.chunks_mut(images * conv.outputs * to.plane()).enumerate() {
        let mut parts: Vec<Vec<&mut [f32]>> = (0..splits).map(|_| Vec::new()).collect();
        for image in y.chunks_mut(conv.outputs * to.plane()) {
            for (part, channels) in parts.iter_mut().zip(image.chunks_mut(panels * LANES * to.plane())) {
                part.push(channels);
            }
        }
        for (s, part) in parts.into_iter().enumerate().filter(|(_, part)| !part.is_empty()) {
            tasks.push(Task {
                x: &x[i * images * conv.inputs * from.plane()..],
                panel: s * panels,
                images: part,
            });
        }
    }
    tasks.into_par_iter().for_each(|task| task.run(simd, conv, weight, bias, panels));
    y
}

/// Some images and some panels of output channels.
struct Task<'a> {
    x: &'a [f32],
    panel: usize,
    images: Vec<&'a mut [f32]>,
}

impl Task<'_> {
    fn run(mut self, simd: Simd, conv: Conv3x3, weight: &[f32], bias: Option<&[f32]>, panels: usize) {
        let grid = conv.grid(conv.inputs);
        let inputs = conv.inputs.next_multiple_of(GROUP);
        let count = self.images.len() * grid.tiles();
        let together = tiles_together(inputs, count);
        // Rows that are a power of two apart would share few lines of the cache.
        let windows = Strides { point: together * (inputs + GROUP) + GROUP, tile: inputs + GROUP };
        let products = Strides { point: together * LANES + GROUP, tile: LANES };
        let last = (self.panel + panels).min(conv.outputs.div_ceil(LANES));
        scratch::with(
            [POINTS * windows.point, POINTS * products.point, grid.scratch()],
            |[v, m, scratch]| {
                for first in (0..count).step_by(together) {
                    let tiles = together.min(count - first);
                    for channel in (0..conv.inputs).step_by(GROUP) {
                        tiles::windows(
                            simd,
                            self.x,
                            grid,
                            channel,
                            first,
                            tiles,
                            &mut v[channel..],
                            windows,
                            scratch,
                        );
                    }
                    for panel in self.panel..last {
                        for point in 0..POINTS {
                            let a = View { data: &v[point * windows.point..], row: windows.tile, column: 1 };
                            let b = &weight[(panel * POINTS + point) * inputs * LANES..][..inputs * LANES];
                            let c = &mut m[point * products.point..];
                            multiply_panel(simd, a, b, LANES, c, LANES, tiles, inputs, false);
                        }
                        self.finish(simd, conv, panel, bias, m, products, first, tiles, scratch);
                    }
                }
            },
        );
    }

    #[allow(clippy::too_many_arguments)]
    fn finish(
        &mut self,
        simd: Simd,
        conv: Conv3x3,
        panel: usize,
        bias: Option<&[f32]>,
        products: &[f32],
        strides: Strides,
        first: usize,
        tiles: usize,
        scratch: &mut [f32],
    ) {
        let (start, end) = (self.panel * LANES, conv.outputs);
        for channel in (panel * LANES..end.min((panel + 1) * LANES)).step_by(GROUP) {
            let mut lanes = [0.0; GROUP];
            if let Some(bias) = bias {
                lanes.iter_mut().zip(&bias[channel..]).for_each(|(lane, bias)| *lane = *bias);
            }
            let from = &products[channel - panel * LANES..];
            let grid = conv.grid(self.images[0].len() / conv.grid(1).plane());
            let images = &mut self.images;
            tiles::tiles(simd, from, strides, lanes, images, grid, channel - start, first, tiles, scratch);
        }
    }
}

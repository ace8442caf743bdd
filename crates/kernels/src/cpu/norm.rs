//! Group normalization (Wu and He 2018, arXiv 1803.08494), with what comes before and after it in one pass.
//!
//! `y = f(a (x + before - mean) / deviation + b)`, where mean and deviation are those of a group of channels of one image,
//! `before`, `a` and `b` have a value for each channel of each image, and f is SiLU or nothing.

use rayon::prelude::*;

use crate::cpu::exp::sigmoid;
use crate::cpu::scratch;
use crate::cpu::simd::{Simd, vectorised};

/// Numbers that are added up side by side.
const LANES: usize = 32;

/// A normalization of `[batch, channels, pixels]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Channels of an image.
    pub channels: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Pixels of an image.
    pub pixels: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether SiLU follows.
    pub silu: bool,
}

/// One value for each channel of each image, `[batch, channels]` each.
#[derive(Clone, Copy, Debug)]
pub struct PerChannel<'a> {
    /// Added before the normalization.
    pub before: &'a [f32],
    /// Multiplied after it.
    pub scale: &'a [f32],
    /// Added then.
    pub shift: &'a [f32],
}

/// Mean and inverse deviation of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    mean: f32,
    inverse: f32,
}

/// Gradients of what [`normalize`] was given.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// `[batch, channels, pixels]`
    pub x: Vec<f32>,
    /// `[batch, channels]`
    pub before: Vec<f32>,
    /// `[batch, channels]`
    pub scale: Vec<f32>,
    /// `[batch, channels]`
    pub shift: Vec<f32>,
}

impl Norm {
    fn group(&self) -> usize {
        self.channels / self.groups
    }

    /// Groups that a thread takes at once: a few thousand numbers.
    fn together(&self) -> usize {
        (16_384 / (self.group() * self.pixels).max(1)).max(1)
    }
}

/// The normalization of `x`, and the statistics of each group, which the gradient needs.
pub fn normalize(simd: Simd, norm: Norm, x: &[f32], values: PerChannel<'_>) -> (Vec<f32>, Vec<Statistics>) {
    let (group, size) = (norm.group(), norm.group() * norm.pixels);
    let mut y = scratch::zeros(x.len());
    let mut statistics = vec![Statistics::default(); x.len() / size];
    y.par_chunks_mut(size).zip(&mut statistics).enumerate().with_min_len(norm.together()).for_each(
        |(i, (y, statistics))| {
            let values = values.part(i * group, group);
            *statistics = forward(simd, norm, &x[i * size..][..size], values, y);
        },
    );
    (y, statistics)
}

/// The gradients, from that of the result, `dy`.
pub fn gradients(
    simd: Simd,
    norm: Norm,
    x: &[f32],
    values: PerChannel<'_>,
    statistics: &[Statistics],
    dy: &[f32],
) -> Gradients {
    let (group, size) = (norm.group(), norm.group() * norm.pixels);
    let channels = || vec![0.0; x.len() / norm.pixels];
    let mut all =
        Gradients { x: scratch::zeros(x.len()), before: channels(), scale: channels(), shift: channels() };
    all.x
        .par_chunks_mut(size)
        .zip(all.before.par_chunks_mut(group))
        .zip(all.scale.par_chunks_mut(group))
        .zip(all.shift.par_chunks_mut(group))
        .enumerate()
        .with_min_len(norm.together())
        .for_each(|(i, (((dx, before), scale), shift))| {
            let (x, dy) = (&x[i * size..][..size], &dy[i * size..][..size]);
            let values = values.part(i * group, group);
            backward(simd, norm, x, values, statistics[i], dy, dx, [before, scale, shift]);
        });
    all
}

impl PerChannel<'_> {
    fn part(&self, first: usize, count: usize) -> Self {
        let range = first..first + count;
        Self {
            before: &self.before[range.clone()],
            scale: &self.scale[range.clone()],
            shift: &self.shift[range],
        }
    }
}

/// The sum of `f(x[i], y[i])`.
#[inline(always)]
pub(crate) fn sum<const N: usize>(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> [f32; N]) -> [f32; N] {
    let mut lanes = [[0.0; LANES]; N];
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = xs.remainder().iter().zip(ys.remainder());
    for (x, y) in xs.zip(ys) {
        for lane in 0..LANES {
            let values = f(x[lane], y[lane]);
            for n in 0..N {
                lanes[n][lane] += values[n];
            }
        }
    }
    let mut sums = lanes.map(|lanes| lanes.iter().sum::<f32>());
    for (x, y) in rest {
        let values = f(*x, *y);
        for n in 0..N {
            sums[n] += values[n];
        }
    }
    sums
}

vectorised! {
    fn forward(norm: Norm, x: &[f32], values: PerChannel<'_>, y: &mut [f32]) -> Statistics {
        let Norm { pixels, .. } = norm;
        // Loops: an iterator's closures may be compiled without the instruction set.
        let count = x.len() as f32;
        let mut mean = 0.0;
        for (x, before) in x.chunks_exact(pixels).zip(values.before) {
            mean += sum(x, x, |x, _| [x + before])[0];
        }
        mean /= count;
        let mut variance = 0.0;
        for (x, before) in x.chunks_exact(pixels).zip(values.before) {
            let less = before - mean;
            variance += sum(x, x, |x, _| [(x + less) * (x + less)])[0];
        }
        variance /= count;
        let inverse = 1.0 / (variance + norm.epsilon).sqrt();
        for (c, y) in y.chunks_exact_mut(pixels).enumerate() {
            let (x, before) = (&x[c * pixels..][..pixels], values.before[c]);
            let factor = inverse * values.scale[c];
            let constant = I::fma(before - mean, factor, values.shift[c]);
            if norm.silu {
                for (y, x) in y.iter_mut().zip(x) {
                    let z = I::fma(*x, factor, constant);
                    *y = z * sigmoid::<I>(z);
                }
            } else {
                for (y, x) in y.iter_mut().zip(x) {
                    *y = I::fma(*x, factor, constant);
                }
            }
        }
        Statistics { mean, inverse }
    }
}

vectorised! {
    fn backward(
        norm: Norm, x: &[f32], values: PerChannel<'_>, statistics: Statistics, dy: &[f32], dx: &mut [f32],
        to: [&mut [f32]; 3],
    ) {
        let Norm { pixels, .. } = norm;
        let Statistics { mean, inverse } = statistics;
        let [before, scale, shift] = to;
        let (mut along_one, mut along_x) = (0.0, 0.0);
        for (c, dz) in dx.chunks_exact_mut(pixels).enumerate() {
            let (x, dy) = (&x[c * pixels..][..pixels], &dy[c * pixels..][..pixels]);
            let less = (values.before[c] - mean) * inverse;
            if norm.silu {
                for ((dz, x), dy) in dz.iter_mut().zip(x).zip(dy) {
                    let z = I::fma(I::fma(*x, inverse, less), values.scale[c], values.shift[c]);
                    let s = sigmoid::<I>(z);
                    *dz = dy * s * I::fma(z, 1.0 - s, 1.0);
                }
            } else {
                dz.copy_from_slice(dy);
            }
            let dz = &*dz;
            [shift[c], scale[c]] = sum(x, dz, |x, dz| [dz, dz * I::fma(x, inverse, less)]);
            along_one += values.scale[c] * shift[c];
            along_x += values.scale[c] * scale[c];
        }
        let count = x.len() as f32;
        let (along_one, along_x) = (along_one / count, along_x / count);
        for (c, dx) in dx.chunks_exact_mut(pixels).enumerate() {
            let x = &x[c * pixels..][..pixels];
            let less = (values.before[c] - mean) * inverse;
            for (dx, x) in dx.iter_mut().zip(x) {
                let normal = I::fma(*x, inverse, less);
                *dx = inverse * (I::fma(values.scale[c], *dx, -along_one) - normal * along_x);
            }
            let dx = &*dx;
            [before[c]] = sum(dx, dx, |dx, _| [dx]);
        }
    }
}

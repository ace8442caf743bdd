use std::sync::Arc;

use burn::backend::DispatchTensor;
use burn::nn::GroupNorm;
use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use crate::cpu::norm::{Gradients, Norm, PerChannel, Statistics, gradients, normalize};
use crate::cpu::simd::Simd;
use crate::graph::{self, Kernel};

/// `norm(x)`
///
/// # Shapes
///
/// - `x` and output: `[B, C, H, W]`
pub fn group_norm(layer: &GroupNorm, x: Tensor<4>) -> Tensor<4> {
    match Ours::new(layer, &x, false) {
        Some(ours) => graph::run(ours.norm, ours.inputs(x), ours.shape),
        None => layer.forward(x),
    }
}

/// `silu(norm(x))`
///
/// # Shapes
///
/// - `x` and output: `[B, C, H, W]`
pub fn group_norm_silu(layer: &GroupNorm, x: Tensor<4>) -> Tensor<4> {
    match Ours::new(layer, &x, true) {
        Some(ours) => graph::run(ours.norm, ours.inputs(x), ours.shape),
        None => silu(layer.forward(x)),
    }
}

/// `silu(norm(x + bias))`
///
/// # Shapes
///
/// - `x` and output: `[B, C, H, W]`
/// - `bias`: `[B, C]`
pub fn bias_group_norm_silu(layer: &GroupNorm, x: Tensor<4>, bias: Tensor<2>) -> Tensor<4> {
    match Ours::new(layer, &x, true).filter(|_| graph::runs_on(&bias)) {
        Some(ours) => {
            let [x, gamma, beta] = ours.inputs(x);
            graph::run(ours.norm, [x, gamma, beta, bias.into_dispatch()], ours.shape)
        }
        None => silu(layer.forward(x + per_channel(bias))),
    }
}

/// `silu(norm(x) (1 + scale) + shift)`
///
/// # Shapes
///
/// - `x` and output: `[B, C, H, W]`
/// - `scale` and `shift`: `[B, C]`
pub fn group_norm_modulate_silu(
    layer: &GroupNorm,
    x: Tensor<4>,
    scale: Tensor<2>,
    shift: Tensor<2>,
) -> Tensor<4> {
    match Ours::new(layer, &x, true).filter(|_| graph::runs_on(&scale) && graph::runs_on(&shift)) {
        Some(ours) => {
            let [x, gamma, beta] = ours.inputs(x);
            let inputs = [x, gamma, beta, scale.into_dispatch(), shift.into_dispatch()];
            graph::run(ours.norm, inputs, ours.shape)
        }
        None => silu(layer.forward(x) * (per_channel(scale) + 1.0) + per_channel(shift)),
    }
}

fn per_channel(x: Tensor<2>) -> Tensor<4> {
    let [batch, channels] = x.dims();
    x.reshape([batch, channels, 1, 1])
}

/// A layer that the kernel can do.
struct Ours {
    norm: Norm,
    shape: [usize; 4],
    gamma: Tensor<1>,
    beta: Tensor<1>,
}

impl Ours {
    fn new(layer: &GroupNorm, x: &Tensor<4>, silu: bool) -> Option<Self> {
        let shape @ [batch, channels, height, width] = x.dims();
        let (gamma, beta) = (layer.gamma.as_ref()?.val(), layer.beta.as_ref()?.val());
        let pixels = height * width;
        let fits = channels == layer.num_channels && batch * pixels > 0;
        let norm = Norm { channels, groups: layer.num_groups, pixels, epsilon: layer.epsilon as f32, silu };
        let runs = graph::runs_on(x) && graph::runs_on(&gamma) && graph::runs_on(&beta);
        (fits && runs).then_some(Self { norm, shape, gamma, beta })
    }

    fn inputs(&self, x: Tensor<4>) -> [DispatchTensor; 3] {
        [x.into_dispatch(), self.gamma.clone().into_dispatch(), self.beta.clone().into_dispatch()]
    }
}

/// What there is besides gamma and beta, `[B, C]` each.
#[derive(Clone, Copy)]
enum Extra<'a> {
    None,
    Bias(&'a [f32]),
    Modulation { scale: &'a [f32], shift: &'a [f32] },
}

/// [`PerChannel`], owned.
struct Values {
    before: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Values {
    fn new(norm: Norm, batch: usize, gamma: &[f32], beta: &[f32], extra: Extra<'_>) -> Self {
        let mut values = Self {
            before: vec![0.0; batch * norm.channels],
            scale: gamma.repeat(batch),
            shift: beta.repeat(batch),
        };
        match extra {
            Extra::None => {}
            Extra::Bias(bias) => values.before.copy_from_slice(bias),
            Extra::Modulation { scale, shift } => {
                values.scale.iter_mut().zip(scale).for_each(|(gamma, scale)| *gamma *= 1.0 + scale);
                let shifts = values.shift.iter_mut().zip(scale).zip(shift);
                shifts.for_each(|((beta, scale), shift)| *beta = *beta * (1.0 + scale) + shift);
            }
        }
        values
    }

    fn borrow(&self) -> PerChannel<'_> {
        PerChannel { before: &self.before, scale: &self.scale, shift: &self.shift }
    }
}

fn forward(norm: Norm, [x, gamma, beta]: [&[f32]; 3], extra: Extra<'_>) -> (Vec<f32>, Arc<[Statistics]>) {
    let values = Values::new(norm, x.len() / (norm.channels * norm.pixels), gamma, beta, extra);
    let (y, statistics) = normalize(Simd::best(), norm, x, values.borrow());
    (y, statistics.into())
}

fn backward(
    norm: Norm,
    [x, gamma, beta]: [&[f32]; 3],
    extra: Extra<'_>,
    statistics: &[Statistics],
    dy: &[f32],
) -> Gradients {
    let values = Values::new(norm, x.len() / (norm.channels * norm.pixels), gamma, beta, extra);
    gradients(Simd::best(), norm, x, values.borrow(), statistics, dy)
}

/// The sum over images of `[B, C]`.
pub(crate) fn over_images(channels: usize, values: impl IntoIterator<Item = f32>) -> Vec<f32> {
    let mut sums = vec![0.0; channels];
    values.into_iter().enumerate().for_each(|(i, value)| sums[i % channels] += value);
    sums
}

impl Kernel<3> for Norm {
    const NEEDED: [bool; 3] = [true; 3];
    type Kept = Arc<[Statistics]>;

    fn forward(&self, inputs: [&[f32]; 3]) -> (Vec<f32>, Self::Kept) {
        forward(*self, inputs, Extra::None)
    }

    fn backward(
        &self,
        inputs: [&[f32]; 3],
        kept: &Self::Kept,
        dy: &[f32],
        _: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let all = backward(*self, inputs, Extra::None, kept, dy);
        let [gamma, beta] = [all.scale, all.shift].map(|values| Some(over_images(self.channels, values)));
        [Some(all.x), gamma, beta]
    }
}

impl Kernel<4> for Norm {
    const NEEDED: [bool; 4] = [true; 4];
    type Kept = Arc<[Statistics]>;

    fn forward(&self, [x, gamma, beta, bias]: [&[f32]; 4]) -> (Vec<f32>, Self::Kept) {
        forward(*self, [x, gamma, beta], Extra::Bias(bias))
    }

    fn backward(
        &self,
        [x, gamma, beta, bias]: [&[f32]; 4],
        kept: &Self::Kept,
        dy: &[f32],
        _: [bool; 4],
    ) -> [Option<Vec<f32>>; 4] {
        let all = backward(*self, [x, gamma, beta], Extra::Bias(bias), kept, dy);
        let [gamma, beta] = [all.scale, all.shift].map(|values| Some(over_images(self.channels, values)));
        [Some(all.x), gamma, beta, Some(all.before)]
    }
}

impl Kernel<5> for Norm {
    const NEEDED: [bool; 5] = [true; 5];
    type Kept = Arc<[Statistics]>;

    fn forward(&self, [x, gamma, beta, scale, shift]: [&[f32]; 5]) -> (Vec<f32>, Self::Kept) {
        forward(*self, [x, gamma, beta], Extra::Modulation { scale, shift })
    }

    fn backward(
        &self,
        [x, gamma, beta, scale, shift]: [&[f32]; 5],
        kept: &Self::Kept,
        dy: &[f32],
        _: [bool; 5],
    ) -> [Option<Vec<f32>>; 5] {
        let all = backward(*self, [x, gamma, beta], Extra::Modulation { scale, shift }, kept, dy);
        let affine = |gradient: &[f32]| {
            over_images(
                self.channels,
                gradient.iter().zip(scale).map(|(gradient, scale)| gradient * (1.0 + scale)),
            )
        };
        let dscale = (all.scale.iter().zip(&all.shift).enumerate())
            .map(|(i, (a, b))| a * gamma[i % self.channels] + b * beta[i % self.channels])
            .collect();
        [Some(all.x), Some(affine(&all.scale)), Some(affine(&all.shift)), Some(dscale), Some(all.shift)]
    }
}

use std::f64::consts::{LN_2, TAU};
use std::ops::ControlFlow;

use burn::prelude::*;
use schedules::{NoiseLevel, Schedule};

use super::dormand_prince::{State, integrate};
use super::support::Support;
use super::variational_bound::{VariationalBound, read};
use crate::{Denoiser, DiffusionError};

/// The likelihood that the probability-flow ODE of a model gives images (Song et al. 2020, section 4.3), by the change of
/// variables along it (Chen et al. 2018, eq. 8).
///
/// Images of unit variance, `x = alpha y` at `sigma / alpha = e^u`, move by `dx/du = sigma (eps - sigma x)`. The divergence is
/// estimated with one random vector an image (Hutchinson 1989), which leaves the log-likelihood unbiased.
///
/// The flow ends at the chain's least noise, below which no network was trained: its density is that of images noised as
/// much. How that becomes a likelihood of clean images decides the figure. [`likelihood`](Self::likelihood) takes the density
/// at the clean images themselves, as the paper does, whose least noise (0.001) is an eighth of a pixel's bin; where it is as
/// wide as a bin, as at the end of DDPM's chains (0.01), sharp data cost more than the model knows of them.
/// [`with_last_step`](Self::with_last_step) takes the chain's own last step instead, as the variational bound does, and
/// compares with it.
#[derive(Clone, Copy, Debug)]
pub struct ProbabilityFlow {
    /// `ln(sigma / alpha)` where images enter and where they are noise.
    pub ends: (f64, f64),
    /// Relative and absolute error of a step; 1e-5 in the paper.
    pub tolerance: f64,
}

/// The exact likelihood of some images, and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowLikelihood {
    /// The negative log-likelihood of each image in bits/dim.
    pub bits: Vec<f64>,
    /// Evaluations of the model, each with its gradient.
    pub evaluations: usize,
    /// Steps that were tried and not taken.
    pub rejected: usize,
}

impl ProbabilityFlow {
    /// Along a whole chain, from its first level to the last that keeps some signal.
    pub fn new(schedule: &Schedule, tolerance: f64) -> Self {
        let levels = schedule.levels();
        let ends = |level: &NoiseLevel| level.ratio().ln();
        let noisiest = levels.iter().rev().find(|level| level.alpha > 1e-6).unwrap_or(&levels[0]);
        Self { ends: (ends(&levels[0]), ends(noisiest)), tolerance }
    }

    /// The negative log-likelihood of images; of pixels, which have no density, an upper bound of it by spreading them
    /// over their bins with `uniform` values in `[0, 1)` (Theis et al. 2015, section 3.1).
    ///
    /// `probe` has mean 0 and variance 1, best from -1 and 1 alone (Rademacher). All images take the same steps. The
    /// observer is told the share of the way that is done, from 0 to 1.
    ///
    /// # Shapes
    ///
    /// - x0, uniform, probe: `[B, C, H, W]`, on a device without autodiff
    ///
    /// # Errors
    ///
    /// What the denoiser refuses, [`DiffusionError::Unsolved`], numbers that cannot be read from the device, and
    /// [`DiffusionError::Stopped`] when the observer breaks off.
    pub fn likelihood(
        &self,
        denoiser: &dyn Denoiser,
        support: Support,
        [x0, uniform, probe]: [Tensor<4>; 3],
        observer: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<FlowLikelihood, DiffusionError> {
        let alpha = self.first().alpha;
        let x = support.dequantized(x0, uniform) * alpha;
        let Density { nats, evaluations, rejected } = self.density(denoiser, x, &probe, observer)?;
        // With the change of volume by the scaling.
        let bits = read((nats - alpha.ln()) / LN_2 + support.offset())?;
        Ok(FlowLikelihood { bits, evaluations, rejected })
    }

    /// The variational bound with the flow's density in the place of all steps but the last,
    /// `-ln p(x0 | x) - ln p(x) + ln q(x | x0)` for `x = alpha x0 + sigma eps` at the chain's first level: an upper bound on
    /// the negative log-likelihood, in expectation over `eps`.
    ///
    /// `last` answers in the chain's last step, `denoiser` along the flow.
    ///
    /// # Shapes
    ///
    /// - x0, eps, probe: `[B, C, H, W]`, on a device without autodiff
    ///
    /// # Errors
    ///
    /// As [`likelihood`](Self::likelihood).
    pub fn with_last_step(
        &self,
        denoiser: &dyn Denoiser,
        (bound, last): (&VariationalBound, &dyn Denoiser),
        [x0, eps, probe]: [Tensor<4>; 3],
        observer: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<FlowLikelihood, DiffusionError> {
        let level = self.first();
        let x = x0.clone() * level.alpha + eps.clone() * level.sigma;
        let Density { nats, evaluations, rejected } = self.density(denoiser, x, &probe, observer)?;
        let forward = (image_mean(eps.clone().square()) + TAU.ln()) * 0.5 + level.sigma.ln();
        let distortion = bound.step(last, x0, eps, 0)?;
        let bits = read((nats - forward) / LN_2 + distortion)?;
        Ok(FlowLikelihood { bits, evaluations, rejected })
    }

    fn first(&self) -> NoiseLevel {
        NoiseLevel::from_ratio(self.ends.0.exp())
    }

    /// That of images `x` at the first level.
    fn density(
        &self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        probe: &Tensor<4>,
        observer: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Density, DiffusionError> {
        let start = State { integral: Tensor::zeros([x.dims()[0]], (&x.device(), x.dtype())), x };
        let (from, to) = self.ends;
        let mut slope = |u: f64, state: &State| {
            let share = (u - from) / (to - from);
            if observer(share).is_break() {
                return Err(DiffusionError::Stopped { done: (100.0 * share) as usize, total: 100 });
            }
            slope(denoiser, u, state.x.clone(), probe)
        };
        let solution = integrate(&mut slope, start, self.ends, self.tolerance)?;
        // That of noise, and the change of volume on the way.
        let noise = image_mean(solution.end.x.square());
        let nats = (noise + TAU.ln()) * 0.5 - solution.end.integral;
        Ok(Density { nats, evaluations: solution.evaluations, rejected: solution.rejected })
    }
}

/// `-ln p` of some images at the first level, in nats/dim, and what it cost.
struct Density {
    nats: Tensor<1>,
    evaluations: usize,
    rejected: usize,
}

/// The mean over each image, `[B]`.
fn image_mean(x: Tensor<4>) -> Tensor<1> {
    let [images, channels, height, width] = x.dims();
    x.reshape([images, channels * height * width]).mean_dim(1).reshape([images])
}

/// `dx/du` and its divergence per dimension, estimated with `probe`.
fn slope(denoiser: &dyn Denoiser, u: f64, x: Tensor<4>, probe: &Tensor<4>) -> Result<State, DiffusionError> {
    let level = NoiseLevel::from_ratio(u.exp());
    let x = Tensor::from_inner(x).require_grad();
    let eps = denoiser.denoise(x.clone(), level)?.eps;
    let slope = (eps - x.clone() * level.sigma) * level.sigma;
    let along = (slope.clone() * Tensor::from_inner(probe.clone())).sum();
    let gradient = x.grad(&along.backward()).unwrap_or_else(|| probe.zeros_like());
    Ok(State { x: slope.inner(), integral: image_mean(gradient * probe.clone()) })
}

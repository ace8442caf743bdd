use std::f64::consts::{LN_2, TAU};
use std::ops::ControlFlow;

use burn::prelude::*;
use schedules::{NoiseLevel, Schedule};

use super::dormand_prince::{State, integrate};
use super::support::Support;
use super::variational_bound::read;
use crate::{Denoiser, DiffusionError};

/// The likelihood that the probability-flow ODE of a model gives images (Song et al. 2020, section 4.3), by the change of
/// variables along it (Chen et al. 2018, eq. 8).
///
/// Images of unit variance, `x = alpha y` at `sigma / alpha = e^u`, move by `dx/du = sigma (eps - sigma x)`. The model's
/// density is that of images at the chain's least noise, which is smoothed by as much. The divergence is estimated with
/// one random vector an image (Hutchinson 1989), which leaves the log-likelihood unbiased.
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
        let [images, channels, height, width] = x0.dims();
        let alpha = NoiseLevel::from_ratio(self.ends.0.exp()).alpha;
        let x = support.dequantized(x0, uniform) * alpha;
        let start = State { integral: Tensor::zeros([images], (&x.device(), x.dtype())), x };
        let (from, to) = self.ends;
        let mut slope = |u: f64, state: &State| {
            let share = (u - from) / (to - from);
            if observer(share).is_break() {
                return Err(DiffusionError::Stopped { done: (100.0 * share) as usize, total: 100 });
            }
            slope(denoiser, u, state.x.clone(), &probe)
        };
        let solution = integrate(&mut slope, start, self.ends, self.tolerance)?;
        let dims = channels * height * width;
        let noise = solution.end.x.square().reshape([images, dims]).mean_dim(1).reshape([images]);
        // In nats/dim: that of noise, the change of volume on the way, and of the scaling before it.
        let nats = (noise + TAU.ln()) * 0.5 - solution.end.integral - alpha.ln();
        let bits = read(nats / LN_2 + support.offset())?;
        Ok(FlowLikelihood { bits, evaluations: solution.evaluations, rejected: solution.rejected })
    }
}

/// `dx/du` and its divergence per dimension, estimated with `probe`.
fn slope(denoiser: &dyn Denoiser, u: f64, x: Tensor<4>, probe: &Tensor<4>) -> Result<State, DiffusionError> {
    let level = NoiseLevel::from_ratio(u.exp());
    let x = Tensor::from_inner(x).require_grad();
    let eps = denoiser.denoise(x.clone(), level)?.eps;
    let slope = (eps - x.clone() * level.sigma) * level.sigma;
    let along = (slope.clone() * Tensor::from_inner(probe.clone())).sum();
    let gradient = x.grad(&along.backward()).unwrap_or_else(|| probe.zeros_like());
    let [images, channels, height, width] = probe.dims();
    let product = (gradient * probe.clone()).reshape([images, channels * height * width]);
    Ok(State { x: slope.inner(), integral: product.mean_dim(1).reshape([images]) })
}

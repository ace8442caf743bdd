use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::Result;
use burn::prelude::*;
use diffusion::{Denoiser, DiffusionError, Prediction, SolverConfig, Step, sample};
use schedules::{Curve, FinalSigma, NoiseLevel, Spacing};

const STEPS: usize = 50;
const REPETITIONS: usize = 21;

/// A network that costs next to nothing.
struct Trivial;

impl Denoiser for Trivial {
    fn denoise(&self, x: Tensor<4>, _: NoiseLevel) -> Result<Prediction, DiffusionError> {
        Ok(Prediction { x0: x.clone(), eps: x, variance: None })
    }
}

/// Microseconds that a solver and the loop spend on a step of one 32x32 colour picture: the least of the walks, so that what else
/// the machine does counts little.
pub fn microseconds(config: &SolverConfig, curve: &Curve) -> Result<f64> {
    let levels = Spacing::Karras { rho: 7.0 }.levels(curve, STEPS, FinalSigma::Zero)?;
    let picture = Tensor::<4>::zeros([1, 3, 32, 32], &Device::flex());
    let mut least = f64::INFINITY;
    for _ in 0..REPETITIONS {
        let mut solver = config.init(curve);
        let mut observer = |_: Step| ControlFlow::Continue(());
        let started = Instant::now();
        sample(&Trivial, solver.as_mut(), &levels, picture.clone(), &mut || picture.clone(), &mut observer)?;
        least = least.min(started.elapsed().as_secs_f64() * 1e6 / STEPS as f64);
    }
    Ok(least)
}

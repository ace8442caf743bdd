use burn::prelude::*;
use schedules::{Curve, NoiseLevel};

use crate::solver::add_noise;
use crate::{Denoiser, DiffusionError, Solver, Stage};

/// Trajectory consistency sampling (Zheng et al. 2024, algorithm 4): a deterministic jump beyond the next level, and
/// forward noise back to it.
pub struct Tcd {
    /// The less noisy level to land on before going back to a given one.
    pub landing: Box<dyn Fn(NoiseLevel) -> NoiseLevel>,
}

impl Tcd {
    /// Lands at `1 - eta` of the time, rounded down to a timestep where there is a chain of them: `eta` 0 is deterministic,
    /// 1 draws all noise anew.
    pub fn on_curve(curve: &Curve, eta: f64) -> Self {
        let curve = curve.clone();
        let landing = move |to| {
            if eta == 0.0 {
                return to;
            }
            match curve.chain() {
                // In single precision as the released code, where 0.7 of 670 is 469.
                Some(_) => curve.at_time(f64::from(((1.0 - eta) as f32 * curve.time(to) as f32).floor())),
                None => curve.at_time((1.0 - eta) * curve.time(to)),
            }
        };
        Self { landing: Box::new(landing) }
    }
}

impl Solver for Tcd {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let prediction = denoiser.denoise(x, stage.from)?;
        if stage.remaining() == 0 {
            return Ok((prediction.at(stage.to), prediction.x0));
        }
        let landing = (self.landing)(stage.to);
        let ratio = stage.to.alpha / landing.alpha;
        let variance = (stage.to.sigma.powi(2) - (ratio * landing.sigma).powi(2)).max(0.0);
        Ok((add_noise(prediction.at(landing) * ratio, variance, noise), prediction.x0))
    }
}

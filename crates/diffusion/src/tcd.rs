use burn::prelude::*;
use schedules::{NoiseLevel, Schedule};

use crate::solver::add_noise;
use crate::{Denoiser, DiffusionError, Solver, Stage};

/// Trajectory consistency sampling (Zheng et al. 2024, algorithm 4): a deterministic jump beyond the next level, and
/// forward noise back to it.
pub struct Tcd {
    /// The less noisy level to land on before going back to a given one.
    pub landing: Box<dyn Fn(NoiseLevel) -> NoiseLevel>,
}

impl Tcd {
    /// Lands at `1 - eta` of the timestep, rounded down: `eta` 0 is deterministic, 1 draws all noise anew.
    pub fn on_chain(schedule: &Schedule, eta: f64) -> Self {
        let schedule = schedule.clone();
        let landing = move |to| schedule.level_at(((1.0 - eta) * schedule.timestep(to)).floor());
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

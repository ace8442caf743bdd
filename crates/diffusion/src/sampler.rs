use std::ops::ControlFlow;

use burn::prelude::*;
use schedules::{FinalSigma, FixedVariance, NoiseLevel, Schedule, ScheduleError, Spacing};
use serde::{Deserialize, Serialize};

use crate::{Denoiser, DiffusionError, ImageNoise, SolverConfig, Step, sample};

/// A solver and the levels it visits: everything a sampler is but the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplerConfig {
    /// What makes a step.
    pub solver: SolverConfig,
    /// Which timesteps are visited.
    pub spacing: Spacing,
    /// How many.
    pub steps: usize,
    /// Where the last step ends.
    pub final_sigma: FinalSigma,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            solver: SolverConfig::Ancestral { variance: FixedVariance::Large },
            spacing: Spacing::Trailing,
            steps: 1000,
            final_sigma: FinalSigma::Zero,
        }
    }
}

impl SamplerConfig {
    /// The levels to visit on a chain, and the one to end at.
    ///
    /// # Errors
    ///
    /// If the steps do not fit the chain.
    pub fn levels(&self, schedule: &Schedule) -> Result<Vec<NoiseLevel>, ScheduleError> {
        self.spacing.levels(schedule, self.steps, self.final_sigma)
    }

    /// Draws the images whose noise is given.
    ///
    /// # Shapes
    ///
    /// - result: `[B, C, H, W]`, B images of `noise`
    ///
    /// # Errors
    ///
    /// As [`sample`], and if the steps do not fit the chain.
    pub fn draw(
        &self,
        denoiser: &dyn Denoiser,
        schedule: &Schedule,
        noise: &mut ImageNoise,
        observer: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Tensor<4>, DiffusionError> {
        let levels = self.levels(schedule)?;
        // A chain that ends almost without signal is started from noise alone, of unit variance.
        let x = noise.draw();
        let mut solver = self.solver.init(schedule);
        sample(denoiser, solver.as_mut(), &levels, x, &mut || noise.draw(), observer)
    }
}

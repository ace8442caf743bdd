use std::ops::ControlFlow;

use burn::prelude::*;
use schedules::{Curve, FinalSigma, FixedVariance, NoiseLevel, ScheduleError, Spacing};
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
    /// The levels to visit of a law of noise, and the one to end at.
    ///
    /// # Errors
    ///
    /// If steps or spacing do not fit the law.
    pub fn levels(&self, curve: &Curve) -> Result<Vec<NoiseLevel>, ScheduleError> {
        self.spacing.levels(curve, self.steps, self.final_sigma)
    }

    /// Draws the images whose noise is given.
    ///
    /// # Shapes
    ///
    /// - result: `[B, C, H, W]`, B images of `noise`
    ///
    /// # Errors
    ///
    /// As [`sample`], and if steps or spacing do not fit the law.
    pub fn draw(
        &self,
        denoiser: &dyn Denoiser,
        curve: &Curve,
        noise: &mut ImageNoise,
        observer: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Tensor<4>, DiffusionError> {
        let levels = self.levels(curve)?;
        let x = noise.draw() * curve.initial_deviation(levels[0]);
        let mut solver = self.solver.init(curve);
        sample(denoiser, solver.as_mut(), &levels, x, &mut || noise.draw(), observer)
    }
}

use std::ops::ControlFlow;

use burn::prelude::*;
use diffusion::{Limit, SamplerConfig, Step, sample};
use schedules::{Curve, NoiseLevel};

use crate::error::TrainError;
use crate::{Network, TrainedModel};

/// How the images of one stage are reached from noise.
#[derive(Clone, Debug)]
pub struct StageWalk {
    /// The stage's sampler.
    pub sampler: SamplerConfig,
    /// The levels visited, the end last.
    pub levels: Vec<NoiseLevel>,
    /// Classifier-free guidance; 1 is off, as in the paper.
    pub guidance_scale: f64,
    /// How predicted clean images are limited.
    pub limit: Limit,
}

/// What a walk ends with.
#[derive(Clone, Debug)]
pub struct Walked {
    /// The images at the last level, `[B, C, H, W]`.
    pub x: Vec<f32>,
    /// The images in `[-1, 1]`: the same where that level is clean, else what the last step believed in.
    pub images: Vec<f32>,
}

impl StageWalk {
    /// A whole walk, without guidance, clipped to the range of the data.
    ///
    /// # Errors
    ///
    /// If the sampler's steps do not fit the chain.
    pub fn new(sampler: SamplerConfig, curve: &Curve) -> Result<Self, TrainError> {
        let levels = sampler
            .levels(curve)
            .map_err(|error| TrainError::Config { origin: "[sample]".into(), reason: error.to_string() })?;
        Ok(Self { sampler, levels, guidance_scale: 1.0, limit: Limit::Clip { range: 1.0 } })
    }

    /// The walk stopped at a level: truncated conditioning augmentation (Ho et al. 2021, section 4.2).
    pub fn truncated(mut self, at: NoiseLevel) -> Self {
        self.levels.retain(|level| level.lambda() < at.lambda());
        self.levels.push(at);
        self
    }

    /// Steps to go.
    pub fn steps(&self) -> usize {
        self.levels.len() - 1
    }

    /// Walks with a model from what `noise` draws.
    ///
    /// # Shapes
    ///
    /// - what `noise` draws: `[B, C, H, W]`
    /// - `labels`: the classes of the images, for a model with classes
    ///
    /// # Errors
    ///
    /// As [`sample`], and if the device cannot be read.
    pub fn run<N: Network>(
        &self,
        model: &TrainedModel<N>,
        labels: Option<&[usize]>,
        noise: &mut dyn FnMut() -> Tensor<4>,
        observer: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Walked, TrainError> {
        let denoiser = model.denoiser_within(Some(self.limit), labels, self.guidance_scale);
        let mut solver = self.sampler.solver.init(&model.curve);
        let start = noise() * model.curve.initial_deviation(self.levels[0]);
        let mut believed = start.clone();
        let mut watch = |step: Step| {
            if step.done == step.total {
                believed = step.x0.clone();
            }
            observer(step)
        };
        let x = sample(denoiser.as_ref(), solver.as_mut(), &self.levels, start, noise, &mut watch)?;
        let clean = self.levels.last() == Some(&NoiseLevel::CLEAN);
        let images = if clean { x.clone() } else { believed };
        Ok(Walked { x: read(x)?, images: read(images.clamp(-1.0, 1.0))? })
    }
}

fn read(x: Tensor<4>) -> Result<Vec<f32>, TrainError> {
    x.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use schedules::ScheduleConfig;

    #[test]
    fn a_truncated_walk_ends_at_its_level_and_visits_none_below() {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        let sampler = SamplerConfig { steps: 10, ..SamplerConfig::default() };
        let walk = StageWalk::new(sampler, &Curve::Chain(schedule.clone())).unwrap();
        assert_eq!((walk.steps(), *walk.levels.last().unwrap()), (10, NoiseLevel::CLEAN));
        // 999, 899, ... 299 are above timestep 250; the level itself is the end, not visited twice.
        let walk = walk.truncated(schedule.level(250));
        assert_eq!((walk.steps(), *walk.levels.last().unwrap()), (8, schedule.level(250)));
        assert_eq!(walk.clone().truncated(schedule.level(299)).steps(), 7);
        assert_eq!(walk.truncated(schedule.level(999)).steps(), 0);
    }
}

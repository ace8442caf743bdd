use std::ops::ControlFlow;

use anyhow::Result;
use burn::prelude::*;
use diffusion::{SamplerConfig, SolverConfig, Step};
use interop::FolderSampler;
use schedules::NoiseLevel;
use train::{Network, TrainedModel};

use crate::condition::Condition;
use crate::course::Course;
use crate::edit::Edit;
use crate::sampler;

/// How images are reached from noise.
#[derive(Clone, Debug)]
pub enum Walk {
    /// By a solver and a spacing of ours.
    Configured(SamplerConfig),
    /// As the scheduler of a model folder has it.
    Folder(Box<FolderSampler>),
}

impl Walk {
    /// Denoising steps.
    pub fn steps(&self) -> usize {
        match self {
            Self::Configured(sampler) => sampler.steps,
            Self::Folder(sampler) => sampler.call().num_inference_steps.unwrap_or(0),
        }
    }

    /// The settings as they are printed and written into pictures; `learned` says whether the model has learnt a variance.
    pub fn describe(&self, learned: bool) -> Vec<(&'static str, String)> {
        let (name, eta, spacing) = match self {
            Self::Configured(SamplerConfig { solver, spacing, .. }) => {
                let (name, eta) = match solver {
                    SolverConfig::Ancestral { .. } if learned => ("ancestral (learned)".to_owned(), None),
                    SolverConfig::Ancestral { variance } => {
                        (format!("ancestral ({variance:?})").to_lowercase(), None)
                    }
                    SolverConfig::Ddim { eta } => ("ddim".to_owned(), Some(*eta)),
                    other => (sampler::described(other), None),
                };
                (name, eta, Some(spacing.to_string()))
            }
            Self::Folder(sampler) => (sampler.class().to_owned(), sampler.call().eta, None),
        };
        let mut settings = vec![("sampler", name)];
        settings.extend(eta.map(|eta| ("eta", eta.to_string())));
        settings.push(("steps", self.steps().to_string()));
        settings.extend(spacing.map(|spacing| ("spacing", spacing)));
        settings
    }

    /// Whether it is known to draw no noise on the way.
    pub fn is_deterministic(&self) -> bool {
        matches!(self, Self::Configured(sampler) if sampler.solver.is_deterministic())
    }

    /// The levels visited with a model, the end last.
    ///
    /// # Errors
    ///
    /// If the steps do not fit the model's chain.
    pub fn levels<N>(&self, model: &TrainedModel<N>) -> Result<Vec<NoiseLevel>> {
        Ok(match self {
            Self::Configured(sampler) => sampler.levels(&model.curve)?,
            Self::Folder(sampler) => sampler.scheduler()?.0.grid.levels(),
        })
    }

    /// Walks from unit noise to images of the given classes, or to changes of an image.
    ///
    /// # Shapes
    ///
    /// - x, what `noise` draws, result: `[B, C, H, W]`
    ///
    /// # Errors
    ///
    /// As [`sample`](diffusion::sample).
    pub fn run<N: Network>(
        &self,
        model: &TrainedModel<N>,
        condition: &Condition<'_>,
        edit: Option<&Edit>,
        x: Tensor<4>,
        noise: &mut dyn FnMut() -> Tensor<4>,
        observer: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Tensor<4>> {
        let levels = self.levels(model)?;
        let sampler = match self {
            Self::Configured(sampler) => {
                let denoiser = condition.denoiser(model);
                let solver = sampler.solver.init(&model.curve);
                let init_noise_sigma = model.curve.initial_deviation(levels[0]);
                let course = Course { denoiser, solver, levels, init_noise_sigma };
                return course.run(edit, x, noise, observer);
            }
            Self::Folder(sampler) => sampler,
        };
        let (scheduler, solver) = sampler.scheduler()?;
        let Condition { labels, guidance_scale, .. } = *condition;
        let hidden = labels.filter(|_| guidance_scale != 1.0);
        let denoiser = match hidden.and_then(|labels| model.unconditional_answer(labels.len())) {
            Some(hidden) => scheduler.guided(model.answer(labels), hidden, guidance_scale, 0.0),
            None => scheduler.denoiser(model.answer(labels)),
        };
        let init_noise_sigma = scheduler.init_noise_sigma;
        Course { denoiser, solver, levels, init_noise_sigma }.run(edit, x, noise, observer)
    }
}

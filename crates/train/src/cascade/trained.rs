use std::ops::{ControlFlow, Range};

use diffusion::{ImageNoise, Step};
use random::Seed;

use super::{StageWalk, SuperResolutionModel, Walked};
use crate::error::TrainError;
use crate::{RunConfig, TrainedModel};

/// A trained cascade: a model of small images and, one after the other, models that enlarge them (Ho et al. 2021, arXiv
/// 2106.15282).
#[derive(Debug)]
pub struct TrainedCascade {
    /// The first stage.
    pub base: TrainedModel,
    /// What it was trained with.
    pub base_config: RunConfig,
    /// The others, by rising resolution.
    pub upper: Vec<SuperResolutionModel>,
    /// SHA-256 of the weights of each.
    pub weights: Vec<String>,
}

/// How a super-resolution stage is given the images of the stage below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Augmentation {
    /// s: the steps of noise that they have.
    pub level: usize,
    /// Whether the stage below stops there, or is finished and noised again.
    pub truncated: bool,
}

/// What is drawn from a cascade.
#[derive(Clone, Debug)]
pub struct CascadePlan {
    /// Seed of the noise; image i of a seed is always the same.
    pub seed: u64,
    /// How each stage is walked.
    pub walks: Vec<StageWalk>,
    /// How each stage but the first is given the images below; one less than there are walks.
    pub augmentations: Vec<Augmentation>,
}

impl CascadePlan {
    /// Every stage by its own sampler, given the images below as it was recorded.
    ///
    /// # Errors
    ///
    /// If a sampler's steps do not fit its chain.
    pub fn of(cascade: &TrainedCascade, seed: u64) -> Result<Self, TrainError> {
        let first = StageWalk::new(cascade.base_config.sample.clone(), &cascade.base.curve)?;
        let mut plan = Self { seed, walks: vec![first], augmentations: Vec::new() };
        for (index, model) in cascade.upper.iter().enumerate() {
            let run = &model.config.run;
            plan.walks.push(StageWalk::new(run.sample.clone(), &run.curve()?)?);
            let low = &model.config.low_resolution;
            let own = Augmentation { level: low.level, truncated: low.truncated };
            plan.augmentations.push(own);
            plan.augment(cascade, index, own)?;
        }
        Ok(plan)
    }

    /// Gives the `index`-th super-resolution stage the images below in another way.
    ///
    /// # Errors
    ///
    /// If the sampler's steps do not fit the chain below.
    pub fn augment(
        &mut self,
        cascade: &TrainedCascade,
        index: usize,
        augmentation: Augmentation,
    ) -> Result<(), TrainError> {
        self.augmentations[index] = augmentation;
        let below = &self.walks[index];
        let curve = match index.checked_sub(1) {
            None => cascade.base.curve.clone(),
            Some(lower) => cascade.upper[lower].config.run.curve()?,
        };
        let whole = StageWalk {
            guidance_scale: below.guidance_scale,
            limit: below.limit,
            ..StageWalk::new(below.sampler.clone(), &curve)?
        };
        let level = cascade.upper[index].low.level(augmentation.level).filter(|_| augmentation.truncated);
        self.walks[index] = match level {
            Some(level) => whole.truncated(level),
            None => whole,
        };
        Ok(())
    }

    /// Steps of all stages together.
    pub fn steps(&self) -> usize {
        self.walks.iter().map(StageWalk::steps).sum()
    }
}

impl TrainedCascade {
    /// `[C, H, W]` of the images of each stage.
    pub fn shapes(&self) -> Vec<[usize; 3]> {
        let upper = self.upper.iter().map(SuperResolutionModel::image_shape);
        std::iter::once(self.base.image_shape).chain(upper).collect()
    }

    /// Draws images `numbers` of a plan through all stages: their values in `[-1, 1]` after each, `[B, C, H, W]`.
    ///
    /// # Errors
    ///
    /// As [`StageWalk::run`].
    pub fn draw(
        &self,
        plan: &CascadePlan,
        numbers: Range<u64>,
        labels: Option<&[usize]>,
        observer: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<f32>>, TrainError> {
        self.draw_below(plan, self.upper.len(), numbers, labels, observer)
    }

    /// As [`draw`](Self::draw), through the first stage and so many super-resolution stages only.
    ///
    /// # Errors
    ///
    /// As [`StageWalk::run`].
    pub fn draw_below(
        &self,
        plan: &CascadePlan,
        upper: usize,
        numbers: Range<u64>,
        labels: Option<&[usize]>,
        observer: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<f32>>, TrainError> {
        // The first stage draws what it draws alone.
        let mut first = ImageNoise::new(plan.seed, numbers.clone(), self.base.image_shape, &self.base.device);
        let mut walked = plan.walks[0].run(&self.base, labels, &mut || first.draw(), observer)?;
        let mut stages = vec![walked.images.clone()];
        for index in 0..upper {
            let Augmentation { level, truncated } = plan.augmentations[index];
            let low = match truncated {
                true => walked.x,
                false => self.upper[index].augmented(walked.images, level, plan.seed, numbers.clone())?,
            };
            walked = self.enlarge(plan, index, &low, numbers.clone(), labels, observer)?;
            stages.push(walked.images.clone());
        }
        Ok(stages)
    }

    /// What the `index`-th super-resolution stage makes of images that have been augmented as the plan says.
    ///
    /// # Shapes
    ///
    /// - `low`: `[B, C, h, w]`
    ///
    /// # Errors
    ///
    /// As [`StageWalk::run`].
    pub fn enlarge(
        &self,
        plan: &CascadePlan,
        index: usize,
        low: &[f32],
        numbers: Range<u64>,
        labels: Option<&[usize]>,
        observer: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Walked, TrainError> {
        let model = self.upper[index].shown(low, plan.augmentations[index].level)?;
        let seed = Seed(plan.seed).derive("cascade/stage", index as u64 + 1);
        let mut noise = ImageNoise::new(seed, numbers, model.image_shape, &model.device);
        plan.walks[index + 1].run(&model, labels, &mut || noise.draw(), observer)
    }
}

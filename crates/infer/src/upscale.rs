use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use data::resample::repeat;
use diffusion::ImageNoise;
use train::cascade::{Augmentation, StageWalk, SuperResolutionModel};

use crate::args::Args;
use crate::cascade::{Job, augmentation, stage_walk};
use crate::draw::Drawn;
use crate::plan::{OwnSampler, Plan};
use crate::sheet::Contents;
use crate::walk::Walk;

/// An image that a super-resolution stage enlarges, as often as images are asked for.
pub struct Upscaling<'a> {
    model: &'a SuperResolutionModel,
    /// Classes, number and seed of the images.
    pub plan: Plan,
    walk: StageWalk,
    augmentation: Augmentation,
    /// `[C, h, w]`.
    low: Vec<f32>,
}

impl<'a> Upscaling<'a> {
    /// Checks the arguments against a stage and reads the image, which is resized to what the stage enlarges.
    ///
    /// # Errors
    ///
    /// The first argument that does not fit.
    pub fn new(args: &Args, model: &'a SuperResolutionModel) -> Result<Self> {
        let Some(path) = &args.cascade.upscale else {
            bail!(
                "this is a super-resolution stage: add --upscale IMAGE, or give --run the folder of the cascade"
            );
        };
        let run = &model.config.run;
        if run.model.num_classes.is_some() && args.label.is_none() && args.labels.is_none() {
            bail!("--upscale: this stage knows classes: say with --label what the image shows");
        }
        let low = data::read_image(path, model.low_shape())?;
        let own = OwnSampler {
            walk: Walk::Configured(run.sample.clone()),
            guidable: run.train.cond_drop_prob > 0.0,
            guide: None,
            image_conditioned: true,
            text_conditioned: false,
        };
        let plan = Plan::new(args, &model.shown(&low, 0)?, &own, None)?;
        let level = augmentation(args, 0, &model.config.low_resolution)?.level;
        let walk = stage_walk(args, &run.sample, &run.curve()?)?;
        Ok(Self { model, plan, walk, augmentation: Augmentation { level, truncated: false }, low })
    }

    /// What the grid shows.
    pub fn contents(&self) -> Contents {
        let ([_, height, width], [_, enlarged, _]) = (self.model.low_shape(), self.model.image_shape());
        let original = repeat(&self.low, [height, width], enlarged / height);
        Contents { original: Some(original), ..self.plan.contents() }
    }

    /// The settings as they are printed and written into pictures.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut settings = self.plan.describe();
        settings.push(("aug_level", self.augmentation.level.to_string()));
        settings
    }

    /// Enlarges the image, some times at once.
    ///
    /// # Errors
    ///
    /// If the stage cannot sample, or an image cannot be written to `separate`.
    pub fn draw(&self, separate: Option<&Path>, stop: &AtomicBool) -> Result<Drawn> {
        let (seed, shape, s) = (self.plan.seed, self.model.image_shape(), self.augmentation.level);
        let (steps, settings) = (self.walk.steps(), self.describe());
        let job = Job { plan: &self.plan, shape, steps, separate, settings };
        job.draw(stop, &mut |images, observer| {
            let numbers = || images.start as u64..images.end as u64;
            let low = self.model.augmented(self.low.repeat(images.len()), s, seed, numbers())?;
            let model = self.model.shown(&low, s)?;
            let mut noise = ImageNoise::new(seed, numbers(), shape, &model.device);
            let labels = self.plan.labels(images.clone());
            Ok(self.walk.run(&model, labels.as_deref(), &mut || noise.draw(), observer)?.images)
        })
    }
}

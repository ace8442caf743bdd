use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use data::grid::beside;
use data::resample::repeat;
use diffusion::{DiffusionError, SamplerConfig, Step};
use schedules::Curve;
use train::TrainError;
use train::cascade::{Augmentation, CascadePlan, LowResolutionConfig, StageWalk, TrainedCascade};

use crate::args::Args;
use crate::draw::{Drawn, MAX_GRID, progress_bar, write_each};
use crate::plan::{OwnSampler, Plan, dynamic_limit, walk};
use crate::sheet::Contents;
use crate::walk::Walk;

/// What is drawn from a cascade: the arguments, checked against it.
pub struct CascadeDrawing<'a> {
    cascade: &'a TrainedCascade,
    /// Classes, number and seed of the images, and how those of the first stage are reached.
    pub plan: Plan,
    stages: CascadePlan,
    show_stages: bool,
}

impl<'a> CascadeDrawing<'a> {
    /// Checks the arguments against a cascade and its own samplers.
    ///
    /// # Errors
    ///
    /// The first argument that does not fit.
    pub fn new(args: &Args, cascade: &'a TrainedCascade) -> Result<Self> {
        let config = &cascade.base_config;
        let own = OwnSampler {
            walk: Walk::Configured(config.sample.clone()),
            guidable: config.train.cond_drop_prob > 0.0,
            guide: None,
            image_conditioned: false,
            text_conditioned: false,
        };
        let plan = Plan::new(args, &cascade.base, &own, None)?;
        let curve = &cascade.base.curve;
        let mut stages = CascadePlan {
            seed: args.seed,
            walks: vec![stage_walk(args, &config.sample, curve)?],
            augmentations: Vec::new(),
        };
        let asked = &args.cascade.aug_level;
        if asked.len() > 1 && asked.len() != cascade.upper.len() {
            bail!("--aug-level: {} of them for {} super-resolution stages", asked.len(), cascade.upper.len());
        }
        for (index, model) in cascade.upper.iter().enumerate() {
            let augmentation = augmentation(args, index, &model.config.low_resolution)?;
            let run = &model.config.run;
            stages.walks.push(stage_walk(args, &run.sample, &run.curve()?)?);
            stages.augmentations.push(augmentation);
            stages.augment(cascade, index, augmentation)?;
        }
        Ok(Self { cascade, plan, stages, show_stages: args.cascade.stages })
    }

    /// `[C, H, W]` of what is drawn of each image.
    pub fn shape(&self) -> [usize; 3] {
        let shapes = self.cascade.shapes();
        let [channels, height, width] = shapes.last().copied().unwrap_or_default();
        [channels, height, if self.show_stages { width * shapes.len() } else { width }]
    }

    /// What the grid shows.
    pub fn contents(&self) -> Contents {
        let sides = self.cascade.shapes().into_iter().map(|shape| shape[1].to_string()).collect::<Vec<_>>();
        let title =
            if self.show_stages { format!("each in {} pixels", sides.join(", ")) } else { String::new() };
        Contents { title, ..self.plan.contents() }
    }

    /// The settings as they are printed and written into pictures.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut settings = self.plan.describe();
        let sides: Vec<String> = self.cascade.shapes().iter().map(|shape| shape[1].to_string()).collect();
        settings.push(("resolutions", sides.join(" -> ")));
        let steps: Vec<String> = self.stages.walks.iter().map(|walk| walk.steps().to_string()).collect();
        settings.push(("stage_steps", steps.join(",")));
        let name =
            |way: &Augmentation| format!("{}{}", way.level, if way.truncated { " truncated" } else { "" });
        settings
            .push(("aug_levels", self.stages.augmentations.iter().map(name).collect::<Vec<_>>().join(",")));
        settings
    }

    /// Draws the images through all stages, some at a time.
    ///
    /// # Errors
    ///
    /// If a stage cannot sample, or an image cannot be written to `separate`.
    pub fn draw(&self, separate: Option<&Path>, stop: &AtomicBool) -> Result<Drawn> {
        let job = Job {
            plan: &self.plan,
            shape: self.shape(),
            steps: self.stages.steps(),
            separate,
            settings: self.describe(),
        };
        job.draw(stop, &mut |images, observer| {
            let numbers = images.start as u64..images.end as u64;
            let labels = self.plan.labels(images);
            let stages = self.cascade.draw(&self.stages, numbers, labels.as_deref(), observer)?;
            Ok(self.shown(stages))
        })
    }

    fn shown(&self, mut stages: Vec<Vec<f32>>) -> Vec<f32> {
        let shapes = self.cascade.shapes();
        let Some([_, height, width]) = shapes.last().copied() else { return Vec::new() };
        if !self.show_stages {
            return stages.pop().unwrap_or_default();
        }
        let large = |(values, shape): (&Vec<f32>, &[usize; 3])| {
            repeat(values, [shape[1], shape[2]], height / shape[1])
        };
        let columns: Vec<Vec<f32>> = stages.iter().zip(&shapes).map(large).collect();
        beside(&columns.iter().map(Vec::as_slice).collect::<Vec<_>>(), width)
    }
}

type Observer<'a> = dyn FnMut(Step) -> ControlFlow<()> + 'a;

/// Draws images by their numbers: their values in `[-1, 1]`.
type DrawBatch<'a> = dyn FnMut(Range<usize>, &mut Observer<'_>) -> Result<Vec<f32>, TrainError> + 'a;

/// Images that are drawn batch by batch.
pub(crate) struct Job<'a> {
    pub(crate) plan: &'a Plan,
    /// `[C, H, W]` of each.
    pub(crate) shape: [usize; 3],
    /// Of one batch.
    pub(crate) steps: usize,
    pub(crate) separate: Option<&'a Path>,
    /// What is written into single images.
    pub(crate) settings: Vec<(&'static str, String)>,
}

impl Job<'_> {
    /// Draws with one progress bar until all is done or `stop` is set; memory grows with the batch only.
    pub(crate) fn draw(&self, stop: &AtomicBool, batch: &mut DrawBatch<'_>) -> Result<Drawn> {
        let number = self.plan.number;
        let batch_size = self.plan.batch;
        let bar = progress_bar(number.div_ceil(batch_size).saturating_mul(self.steps));
        let mut drawn = Drawn::default();
        for first in (0..number).step_by(batch_size) {
            let images = first..number.min(first.saturating_add(batch_size));
            let mut observer = |_: Step| {
                bar.inc(1);
                if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let values = match batch(images.clone(), &mut observer) {
                Err(TrainError::Sampling(DiffusionError::Stopped { .. })) => break,
                values => values?,
            };
            if let Some(folder) = self.separate {
                write_each(folder, &values, first, self.shape, &self.settings, &self.plan.subjects())?;
            }
            drawn.images = images.end;
            let room = MAX_GRID.saturating_sub(first) * self.shape.iter().product::<usize>();
            drawn.values.extend(&values[..room.min(values.len())]);
        }
        bar.finish_and_clear();
        Ok(drawn)
    }
}

/// The walk of one stage: its own sampler, unless the arguments say otherwise.
pub(crate) fn stage_walk(args: &Args, own: &SamplerConfig, curve: &Curve) -> Result<StageWalk> {
    let walk = walk(args, Walk::Configured(own.clone()), curve)?;
    let Walk::Configured(sampler) = walk else { bail!("a stage has a sampler of ours") };
    let walk = StageWalk::new(sampler, curve)?;
    let limit = dynamic_limit(args)?.unwrap_or(walk.limit);
    Ok(StageWalk { guidance_scale: args.guidance_scale.unwrap_or(1.0), limit, ..walk })
}

/// How the `index`-th super-resolution stage is given the images below.
pub(crate) fn augmentation(args: &Args, index: usize, own: &LowResolutionConfig) -> Result<Augmentation> {
    let asked = &args.cascade.aug_level;
    let level = asked.get(index).or(asked.first()).copied();
    let truncated = args.cascade.truncated.unwrap_or(own.truncated);
    let level = level.unwrap_or(own.level);
    own.validate_level(level, truncated).map_err(|reason| anyhow::anyhow!("--aug-level {reason}"))?;
    Ok(Augmentation { level, truncated })
}

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use data::{pixels, write_atomically};
use random::Seed;
use serde::Serialize;
use train::cascade::{
    Augmentation, CascadeDir, CascadePlan, StageWalk, SuperResolutionModel, TrainedCascade,
};
use train::{RunDir, SystemName, hash_file, say};

use crate::args::Args;
use crate::bench::Bench;
use crate::images::Images;
use crate::keyed::{create_folder_of, key, write_json};
use crate::metric::Metric;
use crate::progress::Progress;
use crate::subject::Subject;

/// Levels that are tried unless the arguments say which.
const LEVELS: usize = 9;

/// What the images of a stage's low resolution are.
#[derive(Clone, Copy, Debug, Serialize)]
enum Input {
    /// Drawn by the stages below.
    Generated,
    /// Real.
    Real,
}

/// A level s and the Frechet distances of what it gives.
#[derive(Debug, Serialize)]
struct Row {
    s: usize,
    /// Mean and standard error over the seeds, of images drawn through the whole cascade.
    generated: (f64, f64),
    /// The same, of real low-resolution images enlarged.
    real: (f64, f64),
}

/// Draws with several s of the last stage's conditioning augmentation (Ho et al. 2021, section 4.2 and appendix), judges each
/// by the in-house Frechet distance to the training images, and records the s of the least with the cascade.
///
/// What was drawn is kept: after an interruption the same command goes on.
///
/// # Errors
///
/// If the run is no cascade, or cannot be drawn from, or its data have no labels.
pub fn sweep(args: &Args) -> Result<()> {
    let run = CascadeDir::new(&args.run);
    if SystemName::of(&run.config())? != SystemName::Cascade {
        bail!("--sweep s: {} is no cascade", args.run.display());
    }
    let device = backend::open(args.backend, args.device)?;
    let cascade = run.load(&device)?;
    let last = cascade.upper.last().context("a cascade has two stages at least")?;
    let stage = 1 + cascade.upper.len();
    let bench = Bench::of(args, RunDir::new(&args.run), last.config.run.clone(), Vec::new())?;
    if let Some(obstacle) = Metric::Fd.obstacle(&bench) {
        bail!("--sweep s: {obstacle}");
    }
    let levels = levels(args, last)?;
    let images = 2 * levels.len() * args.samples * args.seeds as usize;
    say(format_args!("sweep over s = {levels:?} of stage {stage}: {images} images are drawn"));
    if args.dry_run {
        return Ok(());
    }
    bench.classifier()?;
    let hashes: Vec<String> = (1..=stage).filter_map(|n| hash_file(&run.stage(n).ema()).ok()).collect();
    let folder = bench.out.join(format!("sweep-{}", key(&(hashes, args.steps, &bench.dataset))?));
    let sweeper = Sweeper { bench: &bench, cascade: &cascade, last, folder };
    say("    s   FD-inhouse generated   FD-inhouse real input");
    let mut rows = Vec::new();
    for s in levels {
        let row =
            Row { s, generated: sweeper.judge(s, Input::Generated)?, real: sweeper.judge(s, Input::Real)? };
        let [(mean, error), (real, real_error)] = [row.generated, row.real];
        say(format_args!("{s:5}   {mean:9.3} ± {error:<9.3}  {real:9.3} ± {real_error:<9.3}"));
        rows.push(row);
    }
    let best = rows.iter().min_by(|a, b| a.generated.0.total_cmp(&b.generated.0)).context("no s to try")?;
    let truncated = last.config.low_resolution.truncated && best.s > 0;
    run.keep_augmentation(stage, Augmentation { level: best.s, truncated })?;
    say(format_args!("recorded for stage {stage}: s = {}", best.s));
    write_json(&bench.out.join("sweep.json"), &rows)
}

fn levels(args: &Args, last: &SuperResolutionModel) -> Result<Vec<usize>> {
    let low = &last.config.low_resolution;
    if !args.levels.is_empty() {
        for &level in &args.levels {
            low.validate_level(level, false).map_err(|reason| anyhow::anyhow!("--levels {reason}"))?;
        }
        return Ok(args.levels.clone());
    }
    let mut levels: Vec<usize> = (0..LEVELS).map(|i| i * low.max_level / (LEVELS - 1)).collect();
    levels.dedup();
    Ok(levels)
}

struct Sweeper<'a> {
    bench: &'a Bench,
    cascade: &'a TrainedCascade,
    last: &'a SuperResolutionModel,
    folder: PathBuf,
}

impl Sweeper<'_> {
    /// The distance with s, over the seeds: mean and standard error, which is 0 for one seed.
    fn judge(&self, s: usize, input: Input) -> Result<(f64, f64)> {
        let mut values = Vec::new();
        for seed in 0..self.bench.seeds {
            let folder = self.folder.join(format!("s-{s}-{input:?}-seed-{seed}").to_lowercase());
            let images = Some(Rc::new(self.images(&folder, s, input, seed)?));
            let (name, real) = (format!("s = {s}"), self.bench.train.clone());
            let subject = Subject { name, seed, real, images, model: None, folder };
            let outcome = subject.judge(self.bench, Metric::Fd)?;
            values.extend(outcome.rows.first().map(|row| row.value));
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Ok((mean, (squares / (n - 1.0).max(1.0) / n).sqrt()))
    }

    /// The images of a seed, drawn unless they are kept.
    fn images(&self, folder: &Path, s: usize, input: Input, seed: u64) -> Result<Images> {
        let bench = self.bench;
        let (size, shape) = (bench.train.size(), self.last.image_shape());
        let mut real: Vec<usize> = Seed(seed).stream("eval/low", 0).permutation(bench.train.len());
        real.truncate(bench.samples);
        let (samples, labels) = match input {
            Input::Generated => (bench.samples, (0..bench.samples).map(|i| bench.label(i)).collect()),
            Input::Real => (real.len(), bench.train.select(&real).labels),
        };
        let file = folder.join(format!("{samples}.bytes"));
        if let Some(bytes) = fs::read(&file).ok().filter(|bytes| bytes.len() == samples * size) {
            return Ok(Images::new(bytes, shape, labels));
        }
        let mut bytes = Vec::new();
        let mut progress = Progress::new(format!("drawing with s = {s}"), 0, samples);
        for first in (0..samples).step_by(bench.batch) {
            let last = samples.min(first + bench.batch);
            let labels = labels.as_ref().map(|labels: &Vec<usize>| &labels[first..last]);
            let values = match input {
                Input::Generated => self.generate(s, seed, first..last, labels)?,
                Input::Real => {
                    let low = self.last.low.reduce(&bench.train.select(&real[first..last]).values());
                    self.enlarge(s, seed, low, first..last, labels)?
                }
            };
            bytes.extend(values.into_iter().map(pixels::from_unit));
            progress.advance(last - first);
        }
        create_folder_of(&file)?;
        write_atomically(&file, |out| out.write_all(&bytes))?;
        Ok(Images::new(bytes, shape, labels))
    }

    /// Images through all stages, the lower ones as they were recorded.
    fn generate(
        &self,
        s: usize,
        seed: u64,
        images: std::ops::Range<usize>,
        labels: Option<&[usize]>,
    ) -> Result<Vec<f32>> {
        let mut plan = CascadePlan::of(self.cascade, seed)?;
        let count = plan.augmentations.len();
        plan.augment(self.cascade, count - 1, Augmentation { level: s, truncated: false })?;
        let numbers = images.start as u64..images.end as u64;
        let mut stages = self.cascade.draw(&plan, numbers, labels, &mut |_| ControlFlow::Continue(()))?;
        Ok(stages.pop().unwrap_or_default())
    }

    /// Low-resolution images enlarged by the last stage.
    fn enlarge(
        &self,
        s: usize,
        seed: u64,
        low: Vec<f32>,
        images: std::ops::Range<usize>,
        labels: Option<&[usize]>,
    ) -> Result<Vec<f32>> {
        let numbers = || images.start as u64..images.end as u64;
        let low = self.last.augmented(low, s, seed, numbers())?;
        let model = self.last.shown(&low, s)?;
        let walk = StageWalk::new(self.last.config.run.sample.clone(), &model.schedule)?;
        let mut noise = diffusion::ImageNoise::new(seed, numbers(), model.image_shape, &model.device);
        Ok(walk.run(&model, labels, &mut || noise.draw(), &mut |_| ControlFlow::Continue(()))?.images)
    }
}

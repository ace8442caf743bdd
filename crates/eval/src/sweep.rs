use std::rc::Rc;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use terminal::say;
use train::cascade::{Augmentation, CascadeDir, CascadePlan, SuperResolutionModel, TrainedCascade};
use train::{RunDir, SystemName};

use crate::args::Args;
use crate::bench::Bench;
use crate::cost;
use crate::keyed::{key, write_json};
use crate::metric::Metric;
use crate::subject::Subject;
use crate::sweep_images::{Input, SweepImages};
use crate::table::{Cell, Table};

/// Levels that are tried unless the arguments say which.
const LEVELS: usize = 9;

/// A mean and its standard error, which is 0 for one seed.
type Figure = (f64, f64);

/// A level s, and what its images are worth.
#[derive(Debug, Serialize)]
struct Row {
    s: usize,
    /// Images drawn through the whole cascade.
    generated: Judged,
    /// Real low-resolution images enlarged.
    real: Judged,
}

/// What the images of one level are worth.
#[derive(Debug, Serialize)]
struct Judged {
    /// The in-house Frechet distance to the training images.
    fd: Figure,
    /// The classification accuracy score; none for a model without classes.
    cas: Option<Figure>,
}

/// Draws with several s of the last stage's conditioning augmentation (Ho et al. 2021, section 4.2 and appendix), judges each
/// by the in-house Frechet distance to the training images and by the classification accuracy score, and records the s of
/// the least distance with the cascade.
///
/// What was drawn is kept: after an interruption the same command goes on.
///
/// # Errors
///
/// If the run is no cascade, or cannot be drawn from, or its data have no labels.
pub fn sweep(args: &Args) -> Result<()> {
    let run = CascadeDir::new(&args.run);
    if SystemName::of(&run.config())? != SystemName::Cascade {
        bail!("--sweep s: {} is no cascade: give --run the folder of one", args.run.display());
    }
    if args.steps.is_some()
        || args.sampler.is_some()
        || !args.metrics.is_empty()
        || args.guidance_scale != 1.0
    {
        bail!(
            "--sweep s draws with the stages' own samplers and measures fd and cas: leave out --steps, --sampler, \
               --guidance-scale and --metrics"
        );
    }
    let device = backend::open(args.backend, args.device)?;
    let cascade = run.load(&device)?;
    let last = cascade.upper.last().context("a cascade has two stages at least")?;
    let stage = 1 + cascade.upper.len();
    let bench = Bench::of(args, RunDir::new(&args.run), last.config.run.clone(), Vec::new(), device)?;
    if let Some(obstacle) = Metric::Fd.obstacle(&bench) {
        bail!("--sweep s: {obstacle}");
    }
    let metrics = metrics(&bench);
    let levels = levels(args, last)?;
    if !args.dry_run {
        bench.check_folders(true)?;
    }
    state_cost(&bench, &metrics, &levels, stage)?;
    if args.dry_run {
        return Ok(());
    }
    bench.check_samples()?;
    bench.classifier()?;
    let folder = bench.out.join(format!("sweep-{}", drawn_by(&cascade, &bench)?));
    let images = SweepImages { bench: &bench, cascade: &cascade, folder };
    let rows = Sweeper { images, metrics }.rows(levels)?;
    write_json(&bench.out.join("sweep.json"), &rows)?;
    let best =
        rows.iter().min_by(|a, b| a.generated.fd.0.total_cmp(&b.generated.fd.0)).context("no s to try")?;
    let truncated = last.config.low_resolution.truncated && best.s > 0;
    run.keep_augmentation(stage, Augmentation { level: best.s, truncated })?;
    say(format_args!("recorded for stage {stage}: s = {}", best.s));
    Ok(())
}

/// What the images are judged by.
fn metrics(bench: &Bench) -> Vec<Metric> {
    match Metric::Cas.obstacle(bench) {
        None => vec![Metric::Fd, Metric::Cas],
        Some(why) => {
            say(format_args!("without cas: {why}"));
            vec![Metric::Fd]
        }
    }
}

fn state_cost(bench: &Bench, metrics: &[Metric], levels: &[usize], stage: usize) -> Result<()> {
    let sets = 2 * levels.len() * usize::try_from(bench.seeds)?;
    say(format_args!(
        "sweep over s = {levels:?} of stage {stage}: {} images are drawn, half of them from real ones",
        sets as u128 * bench.samples as u128
    ));
    if metrics.contains(&Metric::Cas) {
        cost::state_trainings(bench, sets)?;
    }
    say(format_args!("results: {}; if this is stopped, the same command goes on", bench.out.display()));
    Ok(())
}

/// What tells apart the images of different weights and samplers, s of the last stage aside.
fn drawn_by(cascade: &TrainedCascade, bench: &Bench) -> Result<String> {
    let plan = CascadePlan::of(cascade, 0)?;
    let samplers: Vec<_> = plan.walks.iter().map(|walk| &walk.sampler).collect();
    let lower = plan.augmentations.iter().rev().skip(1).map(|way| (way.level, way.truncated));
    key(&(&cascade.weights, samplers, lower.collect::<Vec<_>>(), &bench.dataset))
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
    images: SweepImages<'a>,
    metrics: Vec<Metric>,
}

impl Sweeper<'_> {
    /// Judges each s, and prints it.
    fn rows(&self, levels: Vec<usize>) -> Result<Vec<Row>> {
        say("    s   generated: FD-inhouse, CAS              real input: FD-inhouse, CAS");
        let row = |s: usize| {
            let row =
                Row { s, generated: self.judge(s, Input::Generated)?, real: self.judge(s, Input::Real)? };
            say(format_args!("{s:5}   {:38}  {}", row.generated.text(), row.real.text()));
            Ok(row)
        };
        levels.into_iter().map(row).collect()
    }

    /// What the images with s are worth, over the seeds.
    fn judge(&self, s: usize, input: Input) -> Result<Judged> {
        let (bench, mut table) = (self.images.bench, Table::default());
        for seed in 0..bench.seeds {
            let folder = self.images.folder(s, input, seed);
            let images = Some(Rc::new(self.images.draw(s, input, seed)?));
            let (name, real) = (format!("s = {s}"), bench.train.clone());
            let subject = Subject { name, seed, real, images, model: None, folder };
            for &metric in &self.metrics {
                for row in subject.judge(bench, metric)?.rows {
                    table.add("", &row.name, Cell::new(row.value, Some(0.0)));
                }
            }
        }
        let figure = |name: &str| {
            let figure = table.row(name)?.pop()?;
            Some((figure.value, figure.stderr.unwrap_or(0.0)))
        };
        Ok(Judged { fd: figure("FD-inhouse").context("no distance was measured")?, cas: figure("CAS") })
    }
}

impl Judged {
    fn text(&self) -> String {
        let text = |(mean, error): Figure| format!("{mean:.3} ± {error:.3}");
        let cas = self.cas.map_or(String::new(), |cas| format!(", {}", text(cas)));
        text(self.fd) + &cas
    }
}

use std::path::PathBuf;
use std::rc::Rc;

use anyhow::{Result, bail};
use clap::ValueEnum;
use terminal::say;

use crate::args::Args;
use crate::bench::Bench;
use crate::cost;
use crate::drawing::Drawing;
use crate::judge::Judge;
use crate::keyed::{key, write_json};
use crate::metric::{Metric, References};
use crate::progress::Progress;
use crate::references::{Reference, references};
use crate::report::Report;
use crate::subject::Subject;
use crate::weights::Weights;

/// Judges a run: states the cost, computes what is not there yet, prints the table and writes the report.
///
/// # Errors
///
/// If the run, its data or the arguments do not allow it.
pub fn evaluate(args: &Args) -> Result<()> {
    let bench = Bench::open(args)?;
    let metrics = chosen(args, &bench)?;
    if !args.dry_run {
        bench.check_folders(metrics.iter().any(|metric| metric.judge() == Some(Judge::InHouse)))?;
    }
    cost::state(&bench, &metrics)?;
    if args.dry_run {
        return Ok(());
    }
    bench.check_samples()?;
    if metrics.iter().any(|metric| metric.judge() == Some(Judge::InHouse)) {
        bench.classifier()?;
    }
    let mut report = Report::default();
    judge_real_images(&bench, &metrics, &mut report)?;
    for weights in &bench.weights {
        judge_weights(&bench, weights, &metrics, &mut report)?;
    }
    report.finish(&bench)
}

/// The metrics that were asked for; all that can be measured if none was.
fn chosen(args: &Args, bench: &Bench) -> Result<Vec<Metric>> {
    let mut metrics = Vec::new();
    let asked = if args.metrics.is_empty() { Metric::value_variants() } else { &args.metrics };
    for &metric in asked {
        match metric.obstacle(bench) {
            None => {
                metrics.push(metric);
                if let Some(why) = metric.lacks_test_images(bench) {
                    say(format_args!("without {} of test images: {why}", metric.name()));
                }
            }
            Some(why) if args.metrics.is_empty() => say(format_args!("without {}: {why}", metric.name())),
            Some(why) => bail!("--metrics {}: {why}", metric.name()),
        }
    }
    if metrics.is_empty() {
        bail!("{}: nothing can be measured of it", bench.run.path().display());
    }
    Ok(metrics)
}

fn judge_real_images(bench: &Bench, metrics: &[Metric], report: &mut Report) -> Result<()> {
    let most = metrics.iter().map(|metric| metric.references()).max().unwrap_or(References::None);
    // Halves of the training images inherit what is known of them.
    for judge in metrics.iter().filter_map(|metric| metric.judge()) {
        judge.features(bench, &bench.train)?;
    }
    let references = references(bench, most)?;
    let pairs: Vec<_> =
        references.iter().flat_map(|it| metrics.iter().map(move |metric| (it, *metric))).collect();
    let pairs = pairs.iter().filter(|(reference, metric)| {
        metric.references() >= reference.level && metric.suffices(reference.subject.smaller_set())
    });
    let mut progress = Progress::new("judging real images", 0, pairs.clone().count());
    for (Reference { subject, .. }, metric) in pairs {
        report.add(subject, *metric, subject.judge(bench, *metric)?);
        progress.advance(1);
    }
    Ok(())
}

fn judge_weights(bench: &Bench, weights: &Weights, metrics: &[Metric], report: &mut Report) -> Result<()> {
    write_json(
        &bench.out.join(drawn_name(bench, weights)?).join("drawn-by.json"),
        &drawn_by(bench, weights),
    )?;
    for seed in 0..bench.seeds {
        let folder = drawn_folder(bench, weights, seed)?;
        let name = weights.kind.name();
        let images = match metrics.iter().any(|metric| metric.needs_images()) {
            true => Some(Rc::new(Drawing::new(bench, &folder, seed).images(&weights.model, name)?)),
            false => None,
        };
        let subject = Subject {
            name: name.into(),
            seed,
            real: bench.train.clone(),
            images,
            model: Some(&weights.model),
            folder,
        };
        let mut progress = Progress::new(format!("judging {name}, seed {seed}"), 0, metrics.len());
        for &metric in metrics {
            report.add(&subject, metric, subject.judge(bench, metric)?);
            progress.advance(1);
        }
    }
    Ok(())
}

/// Where what is drawn from weights with a seed is kept, with what is found about it.
///
/// # Errors
///
/// Never, in practice.
pub fn drawn_folder(bench: &Bench, weights: &Weights, seed: u64) -> Result<PathBuf> {
    Ok(bench.out.join(drawn_name(bench, weights)?).join(format!("seed-{seed}")))
}

/// A folder for each set of weights and way of drawing.
fn drawn_name(bench: &Bench, weights: &Weights) -> Result<String> {
    Ok(format!("{}-{}", weights.kind.name(), key(&drawn_by(bench, weights))?))
}

/// Everything that images depend on beside their number and seed.
fn drawn_by(bench: &Bench, weights: &Weights) -> serde_json::Value {
    serde_json::json!({
        "weights": weights.kind.name(),
        "weights_sha256": weights.hash,
        "sampler": bench.sampler,
        "guidance_scale": bench.guidance_scale,
        "s": bench.shown,
        "dataset": bench.dataset,
    })
}

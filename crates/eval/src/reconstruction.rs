use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::prelude::*;
use data::{Captions, Grid, Splits, pixels};
use features::{Classifier, ClassifierTraining, QuarterTurns};
use metrics::{Features, Gaussian, frechet_distance};
use terminal::say;
use train::{FirstStageRunConfig, RunDir, TrainedFirstStage, Weights};

use crate::args::Args;
use crate::classed::Classed;
use crate::classifier_cache::{TrainedClassifier, classifier};
use crate::images::Images;
use crate::keyed::{check_writable, write_json};
use crate::metric::Metric;
use crate::progress::Progress;
use crate::table::{Cell, Table};

/// Images that are judged with at most.
const MOST: usize = 10_000;
/// Pairs of a picture.
const PICTURED: usize = 32;
/// What they are called in tables.
const NAME: &str = "reconstructions";

/// Judges an autoencoder by what it makes of the test images: PSNR, SSIM and the Frechet distance of the in-house classifier's
/// features from the images themselves (the paper's rFID is that of Inception's).
///
/// # Errors
///
/// If the run, its data or the arguments do not allow it.
pub fn reconstructions(args: &Args) -> Result<()> {
    if let Some(metric) = args.metrics.iter().find(|metric| **metric != Metric::Fd) {
        bail!("--metrics {}: of an autoencoder PSNR, SSIM and fd are measured: leave it out", metric.name());
    }
    if args.batch == 0 {
        bail!("--batch must be at least 1");
    }
    let run = RunDir::new(&args.run);
    let config = FirstStageRunConfig::load(&run.config())?;
    let weights = Weights::read(&run.ema())?;
    let splits = config.dataset.open(true)?;
    let [train, test] = [&splits.train, &splits.valid].map(|set| Images::read(set, MOST));
    let (train, test) = (train?, test?);
    if test.len() < 2 {
        bail!("{}: it needs test images: set dataset.valid_fraction", args.run.display());
    }
    if train.len() < 2 {
        bail!(
            "{}: it needs 2 training images to compare with: lower dataset.valid_fraction",
            args.run.display()
        );
    }
    say(format_args!(
        "run: {}: {} test images through the autoencoder, and a small classifier to train at most",
        args.run.display(),
        test.len()
    ));
    if args.dry_run {
        return Ok(());
    }
    let out = args.out.clone().unwrap_or_else(|| args.run.join("eval"));
    check_writable(&out).context("results cannot be kept: name a folder with --out")?;
    let device = backend::open(args.backend, args.device)?;
    let model = TrainedFirstStage::load(&weights, config, &device)?;
    let judge = in_house(args, &splits, [&train, &test], &device)?;
    let mut table = Table::default();
    let made = reconstruct(&model, &test, args.batch, &device, &mut table)?;
    let features = |images: &Images| features(&judge.network, images, &device);
    let real = Gaussian::fit(&features(&test)?)?;
    let distance = |images: &Images| -> Result<f64> {
        Ok(frechet_distance(&real, &Gaussian::fit(&features(images)?)?)?)
    };
    table.add(NAME, "FD-inhouse", Cell::new(distance(&made)?, None));
    table.size(NAME, made.len(), test.len());
    let few: Vec<usize> = (0..train.len().min(test.len())).collect();
    let others = train.select(&few);
    table.add("training images", "FD-inhouse", Cell::new(distance(&others)?, None));
    table.size("training images", others.len(), test.len());
    say(format_args!("\n{}\n{}", format!("{table}").trim_end(), judge.facts));
    write(&out, args, &table, &judge, [&test, &made])
}

fn in_house(
    args: &Args,
    splits: &Splits,
    images: [&Images; 2],
    device: &Device,
) -> Result<TrainedClassifier> {
    let training = ClassifierTraining { steps: args.classifier_steps, ..ClassifierTraining::default() };
    let classed = |classes| images.map(|images| Classed { images, classes });
    match splits.num_classes() {
        Some(classes) => {
            classifier(&training, splits.fingerprint(), classed(classes).each_ref(), false, device)
        }
        None => {
            let turned = classed(1).map(QuarterTurns);
            classifier(&training, splits.fingerprint(), turned.each_ref(), true, device)
        }
    }
}

/// The reconstructions, whose errors go into the table.
fn reconstruct(
    model: &TrainedFirstStage,
    images: &Images,
    batch: usize,
    device: &Device,
    table: &mut Table,
) -> Result<Images> {
    let (mut bytes, mut figures) = (Vec::new(), [const { Vec::new() }; 3]);
    let mut progress = Progress::new(NAME, 0, images.len());
    let all: Vec<usize> = (0..images.len()).collect();
    for block in all.chunks(batch) {
        let made = model.reconstruct(images.upload(block, device))?;
        for (figure, values) in figures.iter_mut().zip([made.psnr, made.ssim, made.absolute]) {
            figure.extend(values);
        }
        let values = made.images.try_into_vec_as::<f32>();
        let values = values.context("failed to read images from the device")?;
        bytes.extend(values.into_iter().map(pixels::from_unit));
        progress.advance(block.len());
    }
    for (name, values) in ["PSNR, dB", "SSIM", "absolute error, of -1 to 1"].into_iter().zip(figures) {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        table.add(NAME, name, Cell::new(mean, Some((squares / (count - 1.0) / count).sqrt())));
    }
    Ok(Images::new(bytes, images.shape, None))
}

fn features(network: &Classifier, images: &Images, device: &Device) -> Result<Features> {
    let all: Vec<usize> = (0..images.len()).collect();
    let mut values: Vec<f32> = Vec::new();
    for block in all.chunks(500) {
        let features = network.features(images.upload(block, device));
        let features = features.try_into_vec_as::<f32>();
        values.extend(features.context("failed to read features from the device")?);
    }
    let width = values.len() / images.len().max(1);
    Ok(Features::new(values, width)?)
}

fn write(
    out: &Path,
    args: &Args,
    table: &Table,
    judge: &TrainedClassifier,
    [test, made]: [&Images; 2],
) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("failed to create {}", out.display()))?;
    let few: Vec<usize> = (0..made.len().min(PICTURED)).collect();
    let halves = [test, made].map(|images| images.select(&few).values());
    let size = test.size();
    let pairs = halves[0].chunks(size).zip(halves[1].chunks(size)).flat_map(|(a, b)| [a, b].concat());
    let pairs: Vec<f32> = pairs.collect();
    let picture = out.join("reconstructions.png");
    let captions = Captions::of_columns(["original", "reconstruction"]);
    let grid = Grid::new(8.min(2 * few.len()), test.shape).for_captions(&captions, test.shape);
    grid.draw_captioned(&pairs, test.shape, &captions).write_png(&picture, &[])?;
    let summary = serde_json::json!({
        "run": args.run,
        "images": made.len(),
        "classifier": judge.facts,
        "version": env!("CARGO_PKG_VERSION"),
        "table": table.summary(),
    });
    write_json(&out.join("eval.json"), &summary)?;
    say(format_args!("\npairs: {}\nreport: {}", picture.display(), out.join("eval.json").display()));
    Ok(())
}

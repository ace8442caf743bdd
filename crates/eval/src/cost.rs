use std::time::{Duration, Instant};

use anyhow::Result;
use burn::prelude::*;
use diffusion::{ImageNoise, SamplerConfig, SolverConfig};
use std::ops::ControlFlow;
use train::{TrainedModel, clock, say};

use crate::bench::Bench;
use crate::drawing::Drawing;
use crate::evaluation::drawn_folder;
use crate::judge::Judge;
use crate::metric::Metric;

/// Evaluations that the ODE of exact likelihoods takes at a tolerance of 1e-3, about: 49 on digits, and 595 at 1e-5.
const FLOW_EVALUATIONS: f64 = 50.0;
/// What an evaluation with its gradient costs, in evaluations.
const GRADIENT_COST: f64 = 3.0;

/// Says what is to be computed and about how long it takes, from a measurement of a few steps.
///
/// # Errors
///
/// If the model cannot be loaded or sampled from.
pub fn state(bench: &Bench, metrics: &[Metric]) -> Result<()> {
    let Bench { samples, seeds, batch, .. } = *bench;
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name()).collect();
    let kinds: Vec<&str> = bench.weights.iter().map(|weights| weights.kind.name()).collect();
    say(format_args!("run: {} ({} weights)", bench.run.path().display(), kinds.join(" and ")));
    say(format_args!("metrics: {}", names.join(", ")));
    say(format_args!(
        "sampler: {:?}, {} steps, guidance {}; {samples} images x {seeds} seeds x {} weights",
        bench.sampler.solver,
        bench.sampler.steps,
        bench.guidance_scale,
        kinds.len()
    ));
    if metrics.iter().any(|metric| metric.needs_images()) {
        let missing = missing(bench)?;
        let seconds = seconds_a_step(bench, &bench.sampler, samples)? * bench.sampler.steps as f64;
        let left = Duration::from_secs_f64(missing as f64 / batch.min(samples) as f64 * seconds);
        say(format_args!("cost: {missing} images to draw, {} at {batch} a batch", about(left)));
    }
    state_likelihoods(bench, metrics)?;
    if metrics.iter().any(|metric| metric.judge() == Some(Judge::InHouse)) {
        let of_samples =
            if metrics.contains(&Metric::Cas) { seeds as usize * bench.weights.len() } else { 0 };
        let trainings = of_samples + usize::from(!bench.has_classifier()?);
        let left = Duration::from_secs_f64(bench.seconds_a_training()? * trainings as f64);
        say(format_args!("cost: {trainings} small classifiers to train at most, {}", about(left)));
    }
    say(format_args!("results: {}; if this is stopped, the same command goes on", bench.out.display()));
    Ok(())
}

/// Images of all seeds and weights that are not drawn yet.
fn missing(bench: &Bench) -> Result<usize> {
    let mut missing = 0;
    for weights in &bench.weights {
        for seed in 0..bench.seeds {
            missing += Drawing::new(bench, &drawn_folder(bench, weights, seed)?, seed).missing()?;
        }
    }
    Ok(missing)
}

/// What likelihoods cost that are not kept yet may be less.
fn state_likelihoods(bench: &Bench, metrics: &[Metric]) -> Result<()> {
    let timesteps = bench.config.diffusion.num_train_timesteps;
    let flow = (FLOW_EVALUATIONS * (1e-3 / bench.tolerance).sqrt()) as usize;
    let costs =
        [(Metric::Nll, timesteps, timesteps as f64), (Metric::NllExact, flow, flow as f64 * GRADIENT_COST)];
    for (metric, evaluations, forward) in costs.into_iter().filter(|cost| metrics.contains(&cost.0)) {
        let images = bench.likelihoods.min(bench.test.len());
        let ddim = SolverConfig::Ddim { eta: 0.0 };
        let sampler = SamplerConfig { solver: ddim, steps: 2, ..SamplerConfig::default() };
        let batches = images.div_ceil(bench.batch) * bench.seeds as usize * bench.weights.len();
        let seconds = seconds_a_step(bench, &sampler, images)? * forward * batches as f64;
        say(format_args!(
            "cost: {} of {images} test images x {} seeds, {} evaluations each, {}",
            metric.name(),
            bench.seeds,
            if metric == Metric::Nll { evaluations.to_string() } else { format!("some {evaluations}") },
            about(Duration::from_secs_f64(seconds))
        ));
    }
    Ok(())
}

/// Of a batch, the second time; `images` are wanted.
fn seconds_a_step(bench: &Bench, sampler: &SamplerConfig, images: usize) -> Result<f64> {
    let Some(weights) = bench.weights.first() else { return Ok(0.0) };
    let model = weights.load(&bench.device)?;
    let images = bench.batch.min(images);
    let sampler = SamplerConfig { steps: sampler.steps.min(2), ..sampler.clone() };
    draw(bench, &model, &sampler, images)?;
    let started = Instant::now();
    draw(bench, &model, &sampler, images)?;
    Ok(started.elapsed().as_secs_f64() / sampler.steps as f64)
}

fn draw(bench: &Bench, model: &TrainedModel, sampler: &SamplerConfig, images: usize) -> Result<()> {
    let labels: Option<Vec<usize>> = (0..images).map(|index| bench.label(index)).collect();
    let denoiser = model.denoiser(labels.as_deref(), bench.guidance_scale);
    let mut noise = ImageNoise::new(0, 0..images as u64, model.image_shape, &bench.device);
    let x: Tensor<4> =
        sampler.draw(denoiser.as_ref(), &model.schedule, &mut noise, &mut |_| ControlFlow::Continue(()))?;
    x.into_data();
    Ok(())
}

fn about(left: Duration) -> String {
    if left.as_secs() == 0 { "a moment".into() } else { format!("about {}", clock(left)) }
}

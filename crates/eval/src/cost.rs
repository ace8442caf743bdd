use std::time::{Duration, Instant};

use anyhow::Result;
use diffusion::SamplerConfig;
use random::Seed;
use terminal::say;
use train::clock;

use crate::bench::Bench;
use crate::drawing::Drawing;
use crate::evaluation::drawn_folder;
use crate::judge::Judge;
use crate::likelihood::LikelihoodBatch;
use crate::metric::Metric;

/// Evaluations that the ODE of exact likelihoods takes at a tolerance of 1e-3, about, for both ways of ending it: twice 49 on
/// digits, and twice 595 at 1e-5.
const FLOW_EVALUATIONS: f64 = 100.0;
/// What an evaluation with its gradient costs, in evaluations.
const GRADIENT_COST: f64 = 3.0;

/// Says what is to be computed and about how long it takes, from a measurement of a few steps.
///
/// # Errors
///
/// If the model cannot be loaded or sampled from.
pub fn state(bench: &Bench, metrics: &[Metric]) -> Result<()> {
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name()).collect();
    let kinds: Vec<&str> = bench.weights.iter().map(|weights| weights.kind.name()).collect();
    say(format_args!("run: {} ({} weights)", bench.run.path().display(), kinds.join(" and ")));
    say(format_args!("metrics: {}", names.join(", ")));
    if metrics.iter().any(|metric| metric.needs_images()) {
        state_drawing(bench)?;
    }
    if let Some(s) = bench.shown {
        say(format_args!("of test images whose low-resolution versions are shown, augmented to s = {s}"));
    }
    state_likelihoods(bench, metrics)?;
    let asks = |judge| metrics.iter().any(|metric| metric.judge() == Some(judge));
    if asks(Judge::InHouse) {
        state_classifiers(bench, metrics.contains(&Metric::Cas))?;
    }
    if asks(Judge::Inception) {
        state_inception(bench)?;
    }
    say(format_args!("results: {}; if this is stopped, the same command goes on", bench.out.display()));
    Ok(())
}

/// Models and seeds, each of which is measured.
fn repetitions(bench: &Bench) -> usize {
    usize::try_from(bench.seeds).unwrap_or(usize::MAX).saturating_mul(bench.weights.len())
}

/// Images of so many samples for each repetition: more than memory counts, where somebody asks for it.
fn times(samples: usize, repetitions: usize) -> u128 {
    samples as u128 * repetitions as u128
}

fn state_drawing(bench: &Bench) -> Result<()> {
    let Bench { samples, seeds, batch, guidance_scale, ref sampler, ref weights, .. } = *bench;
    say(format_args!(
        "sampler: {}, {} steps, guidance {guidance_scale}; {samples} images x {seeds} seeds x {} weights",
        infer::described(&sampler.solver),
        sampler.steps,
        weights.len()
    ));
    let missing = missing(bench)?;
    let seconds = seconds_a_step(bench, sampler, samples)? * sampler.steps as f64;
    let left = missing as f64 / batch.min(samples) as f64 * seconds;
    say(format_args!("cost: {missing} images to draw, {} at {batch} a batch", about(left)));
    Ok(())
}

fn state_classifiers(bench: &Bench, of_samples: bool) -> Result<()> {
    let of_samples = if of_samples { repetitions(bench) } else { 0 };
    state_trainings(bench, of_samples)
}

/// Says how long it takes to train classifiers `of_samples`, and the in-house one where there is none.
///
/// # Errors
///
/// If the data set has no labels.
pub fn state_trainings(bench: &Bench, of_samples: usize) -> Result<()> {
    let trainings = of_samples + usize::from(!bench.has_classifier()?);
    let left = bench.seconds_a_training()? * trainings as f64;
    say(format_args!("cost: {trainings} small classifiers to train at most, {}", about(left)));
    Ok(())
}

/// What is kept of runs before is not known here.
fn state_inception(bench: &Bench) -> Result<()> {
    let real = bench.train.len() + bench.test.len();
    let images = times(bench.samples, repetitions(bench)).saturating_add(real as u128);
    let few: Vec<usize> = (0..bench.train.len().min(4)).collect();
    let inception = bench.inception()?;
    let started = Instant::now();
    inception.features(bench.train.upload(&few, &bench.device)).into_data();
    let left = started.elapsed().as_secs_f64() / few.len() as f64 * images as f64;
    say(format_args!("cost: {images} images to show to Inception at most, {}", about(left)));
    Ok(())
}

/// Images of all seeds and weights that are not drawn yet.
fn missing(bench: &Bench) -> Result<u128> {
    let mut missing = 0;
    for weights in &bench.weights {
        for seed in 0..bench.seeds {
            missing += Drawing::new(bench, &drawn_folder(bench, weights, seed)?, seed).missing()? as u128;
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
        let batches = times(images.div_ceil(bench.batch), repetitions(bench));
        let seconds = seconds_an_evaluation(bench, bench.batch.min(images))? * forward * batches as f64;
        say(format_args!(
            "cost: {} of {images} test images x {} seeds, {} evaluations each, {}",
            metric.name(),
            bench.seeds,
            if metric == Metric::Nll { evaluations.to_string() } else { format!("some {evaluations}") },
            about(seconds)
        ));
    }
    Ok(())
}

/// Of a batch, the second time; `images` are wanted.
fn seconds_a_step(bench: &Bench, sampler: &SamplerConfig, images: usize) -> Result<f64> {
    let Some(weights) = bench.weights.first() else { return Ok(0.0) };
    let images = bench.batch.min(images);
    let sampler = SamplerConfig { steps: sampler.steps.min(2), ..sampler.clone() };
    let draw = || anyhow::Ok(weights.model.draw(bench, &sampler, 0, 0..images, &mut || {})?.into_data());
    draw()?;
    let started = Instant::now();
    draw()?;
    Ok(started.elapsed().as_secs_f64() / sampler.steps as f64)
}

/// Of some test images, the second time.
fn seconds_an_evaluation(bench: &Bench, images: usize) -> Result<f64> {
    let Some(weights) = bench.weights.first() else { return Ok(0.0) };
    let indices: Vec<usize> = (0..images).collect();
    let batch = LikelihoodBatch::of(bench, &indices);
    let level = bench.config.schedule()?.level(0);
    weights.model.ask(&batch, Seed(0), |denoisers| {
        let evaluate = || anyhow::Ok(denoisers.clipped.denoise(batch.x0.clone(), level)?.x0.into_data());
        evaluate()?;
        let started = Instant::now();
        evaluate()?;
        Ok(started.elapsed().as_secs_f64())
    })
}

fn about(seconds: f64) -> String {
    let days = seconds / 86_400.0;
    match Duration::try_from_secs_f64(seconds) {
        Ok(left) if left.as_secs() == 0 => "a moment".into(),
        Ok(left) if days < 3.0 => format!("about {}", clock(left)),
        _ if days < 1000.0 => format!("about {days:.0} days"),
        _ => format!("about {:.0} years", days / 365.25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_do_not_wrap() {
        assert_eq!(times(usize::MAX, 3), 3 * usize::MAX as u128);
        assert_eq!([about(0.2), about(184.0)], ["a moment", "about 3m04s"]);
        assert_eq!([about(1e6), about(1e20)], ["about 12 days", "about 3168808781403 years"]);
        assert_eq!(about(f64::INFINITY), "about inf years");
    }
}

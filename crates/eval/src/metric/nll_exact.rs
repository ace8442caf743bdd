use std::ops::ControlFlow;

use anyhow::Result;
use burn::prelude::*;
use diffusion::likelihood::{Estimate, ProbabilityFlow, Support};
use random::{Seed, Stream};

use crate::bench::Bench;
use crate::likelihood::{LikelihoodBatch, evaluations, of_batches};
use crate::metric::Metric;
use crate::outcome::{Outcome, Row};
use crate::progress::Progress;
use crate::subject::Subject;

/// The exact likelihood of test images in bits/dim by the probability-flow ODE, and how many evaluations of the network,
/// each with its gradient, that took an image.
pub fn measure(bench: &Bench, subject: &Subject) -> Result<Outcome> {
    let flow = ProbabilityFlow::new(&bench.config.schedule()?, bench.tolerance);
    let seed = Seed(subject.seed);
    let what = format!("exact likelihood by {}, seed {}: percents of batches", subject.name, subject.seed);
    let mut progress = Progress::new(what, 0, evaluations(bench, 100));
    let found: Vec<(Vec<f64>, usize)> = of_batches(bench, subject, Metric::NllExact, |model, batch| {
        let uniform = draw(batch, seed, "eval/dequantize", |stream| stream.uniform() as f32);
        let probe = draw(batch, seed, "eval/probe", |stream| if stream.chance(0.5) { 1.0 } else { -1.0 });
        let denoiser = model.unclipped(batch.labels.as_deref());
        let mut shown = 0;
        let mut observer = |share: f64| {
            let percent = (100.0 * share) as usize;
            progress.advance(percent.saturating_sub(shown));
            shown = shown.max(percent);
            ControlFlow::Continue(())
        };
        let given = [batch.x0.clone(), uniform, probe];
        let likelihood = flow.likelihood(denoiser.as_ref(), Support::Pixels, given, &mut observer)?;
        Ok((likelihood.bits, likelihood.evaluations))
    })?;
    let bits: Vec<f64> = found.iter().flat_map(|(bits, _)| bits.iter().copied()).collect();
    let spent: usize = found.iter().map(|(_, evaluations)| evaluations).sum();
    let Estimate { mean, standard_error, .. } = Estimate::of(&bits);
    Ok(Outcome::rows([
        Row { stderr: Some(standard_error), ..Row::new("exact nll, bits/dim", mean) },
        Row::new("exact nll: tolerance of the ODE", bench.tolerance),
        Row::new("exact nll: evaluations", spent as f64 / found.len() as f64),
    ]))
}

/// Values of the shape of the images; those of an image depend on its number and the seed alone.
fn draw(
    batch: &LikelihoodBatch,
    seed: Seed,
    purpose: &str,
    mut value: impl FnMut(&mut Stream) -> f32,
) -> Tensor<4> {
    let shape = batch.x0.dims();
    let pixels = shape[1..].iter().product();
    let mut values = Vec::with_capacity(shape[0] * pixels);
    for &index in &batch.indices {
        let mut stream = seed.stream(purpose, index as u64);
        values.extend((0..pixels).map(|_| value(&mut stream)));
    }
    Tensor::from_data(TensorData::new(values, shape), &batch.x0.device())
}

use std::ops::ControlFlow;

use anyhow::Result;
use burn::prelude::*;
use diffusion::likelihood::{Estimate, ProbabilityFlow, Support, VariationalBound};
use random::{Seed, Stream};

use crate::bench::Bench;
use crate::likelihood::{LikelihoodBatch, evaluations, of_batches};
use crate::metric::Metric;
use crate::outcome::{Outcome, Row};
use crate::progress::Progress;
use crate::subject::Subject;

/// The exact likelihood of test images in bits/dim by the probability-flow ODE: of pixels spread evenly over their bins, as
/// Song et al. 2020 have it, and with the chain's own last step, which compares with the bound; and how many evaluations of
/// the network, each with its gradient, that took an image.
pub fn measure(bench: &Bench, subject: &Subject) -> Result<Outcome> {
    let schedule = bench.config.schedule()?;
    let flow = ProbabilityFlow::new(&schedule, bench.tolerance);
    let bound = VariationalBound::of(&schedule, bench.config.diffusion.variance.fixed(), Support::Pixels)?;
    let seed = Seed(subject.seed);
    let what = format!("exact likelihood by {}, seed {}: percents of batches", subject.name, subject.seed);
    let mut progress = Progress::new(what, 0, evaluations(bench, 200));
    let found: Vec<[(Vec<f64>, usize); 2]> = of_batches(bench, subject, Metric::NllExact, |model, batch| {
        let mut shown = 0;
        let mut observer = |share: f64| {
            let percent = (100.0 * share) as usize;
            progress.advance(percent.saturating_sub(shown));
            shown = percent;
            ControlFlow::Continue(())
        };
        let uniform = draw(batch, seed, "eval/dequantize", |stream| stream.uniform() as f32);
        let eps = draw(batch, seed, "eval/last_step", |stream| stream.normal(1)[0]);
        let probe = draw(batch, seed, "eval/probe", |stream| if stream.chance(0.5) { 1.0 } else { -1.0 });
        let given = [batch.x0.clone(), uniform, probe.clone()];
        let spread = flow.likelihood(model.free.as_ref(), Support::Pixels, given, &mut observer)?;
        let given = [batch.x0.clone(), eps, probe];
        let last = (&bound, model.clipped.as_ref());
        let stepped = flow.with_last_step(model.clipped.as_ref(), last, given, &mut observer)?;
        Ok([spread, stepped].map(|likelihood| (likelihood.bits, likelihood.evaluations)))
    })?;
    let row = |way: usize, name| {
        let bits: Vec<f64> = found.iter().flat_map(|both| both[way].0.iter().copied()).collect();
        let Estimate { mean, standard_error, .. } = Estimate::of(&bits);
        Row { stderr: Some(standard_error), ..Row::new(name, mean) }
    };
    let spent: usize = found.iter().flatten().map(|(_, evaluations)| evaluations).sum();
    Ok(Outcome::rows([
        row(0, "exact nll, bits/dim"),
        row(1, "exact nll with the last step, bits/dim"),
        Row::new("exact nll: tolerance of the ODE", bench.tolerance),
        Row::new("exact nll: evaluations, both", spent as f64 / found.len() as f64),
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

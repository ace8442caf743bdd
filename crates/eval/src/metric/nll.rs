use std::ops::ControlFlow;

use anyhow::{Context, Result};
use diffusion::ImageNoise;
use diffusion::likelihood::{BoundTally, Support, VariationalBound};
use random::Seed;

use crate::bench::Bench;
use crate::likelihood::{evaluations, of_batches};
use crate::metric::Metric;
use crate::outcome::{Outcome, Row, Series};
use crate::progress::Progress;
use crate::subject::Subject;

/// The variational bound of test images in bits/dim, what it consists of, and how it falls to the timesteps.
pub fn measure(bench: &Bench, subject: &Subject) -> Result<Outcome> {
    let schedule = bench.config.schedule()?;
    let bound = VariationalBound::of(&schedule, bench.config.diffusion.variance.fixed(), Support::Pixels)?;
    let seed = Seed(subject.seed).derive("eval/nll", 0);
    let what = format!("bound of {}, seed {}: evaluations of batches", subject.name, subject.seed);
    let mut progress = Progress::new(what, 0, evaluations(bench, bound.steps()));
    let tallies = of_batches(bench, subject, Metric::Nll, |model, batch| {
        let numbers = batch.indices.iter().map(|&index| index as u64);
        let mut noise = ImageNoise::new(seed, numbers, bench.test.shape, &bench.device);
        let mut observer = |_| {
            progress.advance(1);
            ControlFlow::Continue(())
        };
        let found =
            bound.evaluate(model.clipped.as_ref(), batch.x0.clone(), &mut || noise.draw(), &mut observer)?;
        Ok(BoundTally::of(&found))
    })?;
    let tally = tallies.into_iter().reduce(BoundTally::join).context("there are no test images")?;
    let total = tally.total();
    let rows = vec![
        Row { stderr: Some(total.standard_error), ..Row::new("bound, bits/dim", total.mean) },
        Row::new("bound: prior L_T", tally.prior()),
        Row::new("bound: rate L_1 to L_T-1", tally.rate()),
        Row::new("bound: distortion L_0", tally.distortion()),
    ];
    let points = tally.terms().into_iter().enumerate().map(|(t, term)| (t as f64, term.max(1e-12).log10()));
    let series = Series {
        title: "bound by timestep".into(),
        x: "timestep".into(),
        y: "log10 of bits/dim".into(),
        points: points.collect(),
    };
    let by_image = Series {
        title: "bound by image".into(),
        x: "image".into(),
        y: "bits/dim".into(),
        points: tally.totals().iter().enumerate().map(|(image, &bits)| (image as f64, bits)).collect(),
    };
    Ok(Outcome { rows, series: vec![series, by_image] })
}

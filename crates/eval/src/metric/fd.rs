use anyhow::Result;
use metrics::{Gaussian, frechet_distance};

use crate::bench::Bench;
use crate::judge::Judge;
use crate::outcome::{Outcome, Row};
use crate::subject::Subject;

/// The Frechet distance of in-house features. It is not FID, and no figure of another tool compares with it.
pub fn measure(bench: &Bench, subject: &Subject) -> Result<Outcome> {
    Ok(Outcome::rows([Row::new("FD-inhouse", distance(Judge::InHouse, bench, subject)?)]))
}

/// The Frechet distance of a judge's features.
pub fn distance(judge: Judge, bench: &Bench, subject: &Subject) -> Result<f64> {
    let real = Gaussian::fit(judge.features(bench, &subject.real)?)?;
    let drawn = Gaussian::fit(judge.features(bench, subject.images()?)?)?;
    Ok(frechet_distance(&real, &drawn)?)
}

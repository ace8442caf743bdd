use anyhow::Result;
use metrics::{Subsets, kernel_distance};

use crate::bench::Bench;
use crate::judge::Judge;
use crate::outcome::{Outcome, Row};
use crate::subject::Subject;

/// KID's kernel distance, of in-house features, times 1000.
pub fn measure(bench: &Bench, subject: &Subject) -> Result<Outcome> {
    let real = Judge::InHouse.features(bench, &subject.real)?;
    let drawn = Judge::InHouse.features(bench, subject.images()?)?;
    let distance = kernel_distance(real, drawn, Subsets::default(), subject.seed)?;
    Ok(Outcome::rows([Row::new("KD-inhouse x 1000", 1000.0 * distance.mean)]))
}

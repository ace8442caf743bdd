use anyhow::Result;
use metrics::density_coverage;

use super::precision_recall::sets_of_one_size;
use crate::bench::Bench;
use crate::outcome::{Outcome, Row};
use crate::subject::Subject;

/// The neighbour that balls reach to (Naeem et al. 2020 use 5).
pub const NEIGHBOUR: usize = 5;

/// Density and coverage in in-house features.
pub fn measure(bench: &Bench, subject: &Subject) -> Result<Outcome> {
    let [real, drawn] = sets_of_one_size(bench, subject)?;
    let found = density_coverage(&real, &drawn, NEIGHBOUR)?;
    Ok(Outcome::rows([Row::new("density", found.density), Row::new("coverage", found.coverage)]))
}

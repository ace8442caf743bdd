use anyhow::Result;

use super::fd::distance;
use crate::bench::Bench;
use crate::judge::Judge;
use crate::outcome::{Outcome, Row};
use crate::subject::Subject;

/// FID (Heusel et al. 2017) with the features of pytorch-fid.
pub fn measure(bench: &Bench, subject: &Subject) -> Result<Outcome> {
    Ok(Outcome::rows([Row::new("FID", distance(Judge::Inception, bench, subject)?)]))
}

use anyhow::Result;
use metrics::memorisation;

use crate::bench::Bench;
use crate::outcome::{Outcome, Row};
use crate::subject::Subject;

/// Neighbours in pixels, among training and among test images.
pub fn measure(bench: &Bench, subject: &Subject) -> Result<Outcome> {
    let found = memorisation(&subject.images()?.rows()?, &bench.train.rows()?, &bench.test.rows()?)?;
    Ok(Outcome::rows([
        Row::new("nearest train / nearest test", found.ratio),
        Row::new("the same of test images", found.fresh_ratio),
        Row::new("near-copies (0.05 if none)", found.copies),
    ]))
}

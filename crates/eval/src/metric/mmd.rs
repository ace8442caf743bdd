use anyhow::Result;
use metrics::pixel_mmd;

use crate::outcome::{Outcome, Row};
use crate::subject::Subject;

/// The discrepancy of pixels, times 1000, and how likely one as large is by chance.
pub fn measure(subject: &Subject) -> Result<Outcome> {
    let found = pixel_mmd(&subject.real.rows()?, &subject.images()?.rows()?, subject.seed)?;
    Ok(Outcome::rows([Row::new("pixel MMD^2 x 1000", 1000.0 * found.mmd), Row::new("pixel MMD p", found.p)]))
}

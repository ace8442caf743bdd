use anyhow::Result;
use features::ClassifierTraining;

use crate::bench::Bench;
use crate::classed::Classed;
use crate::classifier_cache::trained;
use crate::outcome::{Outcome, Row};
use crate::subject::Subject;

/// The classification accuracy score (Ravuri & Vinyals 2019, arXiv 1905.10887): how often a classifier that was trained on
/// drawn images of known classes is right on the test images; beside it, one that was trained on real images.
pub fn measure(bench: &Bench, subject: &Subject) -> Result<Outcome> {
    let training = ClassifierTraining { seed: subject.seed, ..bench.training.clone() };
    let classes = bench.num_classes.unwrap_or(0);
    let classed = |images| Classed { images, classes };
    let network = trained("training on samples", &training, &classed(subject.images()?), &bench.device)?;
    let score = Row::new("CAS", network.accuracy(&classed(&bench.test), &bench.device)?);
    let real = bench.classifier()?.facts.accuracy;
    let real = real.map(|accuracy| Row::new("CAS of real images", accuracy));
    Ok(Outcome::rows([Some(score), real].into_iter().flatten()))
}

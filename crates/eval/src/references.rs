use std::rc::Rc;

use anyhow::Result;

use crate::bench::Bench;
use crate::degrade::Degradation;
use crate::images::Images;
use crate::keyed::key;
use crate::metric::References;
use crate::subject::Subject;

/// What one half of the training images is called beside the other.
pub const HALF: &str = "train halves";
/// What test images are called beside the training images.
pub const TEST: &str = "test images";

/// Real images, and what metrics must at least be able to look at them.
pub struct Reference {
    /// The images.
    pub subject: Subject<'static>,
    /// The metrics that they are for.
    pub level: References,
}

/// The floors that no model can be expected to fall below, and the ladder of damaged images; up to a level.
///
/// # Errors
///
/// Never, in practice.
pub fn references(bench: &Bench, most: References) -> Result<Vec<Reference>> {
    if most == References::None {
        return Ok(Vec::new());
    }
    let [first, second] = bench.train.halves().map(Rc::new);
    let subject = |name: String, real: &Rc<Images>, images: Rc<Images>| {
        let folder = bench.out.join("real").join(key(&(&bench.dataset, &name))?);
        anyhow::Ok(Subject { name, seed: 0, real: real.clone(), images: Some(images), model: None, folder })
    };
    let mut all = Vec::new();
    if bench.test.len() > 1 {
        let test = subject(TEST.into(), &bench.train, bench.test.clone())?;
        all.push(Reference { subject: test, level: References::Floors });
    }
    let half = subject(HALF.into(), &first, second.clone())?;
    all.push(Reference { subject: half, level: References::Floors });
    let ladder = if most == References::Ladder { &Degradation::LADDER[..] } else { &[] };
    for degradation in ladder {
        if matches!(degradation, Degradation::Without(_)) && bench.num_classes.is_none() {
            continue;
        }
        let subject = subject(degradation.name(), &first, Rc::new(degradation.of(&second)))?;
        all.push(Reference { subject, level: References::Ladder });
    }
    Ok(all)
}

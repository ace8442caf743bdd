use anyhow::Result;
use metrics::{Features, precision_recall};
use random::Seed;

use crate::bench::Bench;
use crate::judge::Judge;
use crate::outcome::{Outcome, Row};
use crate::subject::Subject;

/// The neighbour that balls reach to (Kynkaanniemi et al. 2019 use 3).
pub const NEIGHBOUR: usize = 3;
/// Images of each set at most: all pairs are compared.
const MOST: usize = 10_000;

/// Improved precision and recall in in-house features.
pub fn measure(bench: &Bench, subject: &Subject) -> Result<Outcome> {
    let [real, drawn] = sets_of_one_size(bench, subject)?;
    let found = precision_recall(&real, &drawn, NEIGHBOUR)?;
    Ok(Outcome::rows([Row::new("precision", found.precision), Row::new("recall", found.recall)]))
}

/// In-house features of real and of judged images, as many of the one as of the other: neighbours are nearer in larger
/// sets.
pub fn sets_of_one_size(bench: &Bench, subject: &Subject) -> Result<[Features; 2]> {
    let sets = [&*subject.real, subject.images()?];
    let size = sets[0].len().min(sets[1].len()).min(MOST);
    let [real, drawn] = sets.map(|images| {
        let order = Seed(subject.seed).stream("eval/neighbours", 0).permutation(images.len());
        Ok(Judge::InHouse.features(bench, images)?.select(&order[..size]))
    });
    let (real, drawn): (Result<Features>, Result<Features>) = (real, drawn);
    Ok([real?, drawn?])
}

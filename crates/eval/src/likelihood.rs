use anyhow::{Context, Result};
use burn::prelude::*;
use random::Seed;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bench::Bench;
use crate::keyed::{kept, key};
use crate::metric::Metric;
use crate::model::Denoisers;
use crate::subject::Subject;

/// Test images whose likelihood is measured together.
pub struct LikelihoodBatch {
    /// Their numbers in the test set.
    pub indices: Vec<usize>,
    /// `[B, C, H, W]` in `[-1, 1]`.
    pub x0: Tensor<4>,
    /// Their classes, where the model is told classes.
    pub labels: Option<Vec<usize>>,
}

impl LikelihoodBatch {
    /// That of some test images.
    pub fn of(bench: &Bench, indices: &[usize]) -> Self {
        let labels = bench.test.select(indices).labels.filter(|_| bench.conditional());
        Self { indices: indices.to_vec(), x0: bench.test.upload(indices, &bench.device), labels }
    }
}

/// What `measure` finds of each batch of test images; each is kept, so that an interrupted measurement goes on.
///
/// # Errors
///
/// If there is no model, what `measure` says, and if a file cannot be written.
pub fn of_batches<T: Serialize + DeserializeOwned>(
    bench: &Bench,
    subject: &Subject,
    metric: Metric,
    mut measure: impl FnMut(&Denoisers, &LikelihoodBatch) -> Result<T>,
) -> Result<Vec<T>> {
    let model = subject.model.with_context(|| format!("{} is no model", subject.name))?;
    let folder = subject.folder.join(format!("{}-{}", metric.name(), key(&metric.depends_on(bench)?)?));
    let chosen = chosen(bench, subject.seed);
    let batches = chosen.chunks(bench.batch).map(|indices| {
        let file = folder.join(format!("{:08}-{:08}.json", indices[0], indices.len()));
        kept(&file, || {
            let batch = LikelihoodBatch::of(bench, indices);
            model.ask(&batch, Seed(subject.seed), |denoisers| measure(&denoisers, &batch))
        })
    });
    batches.collect()
}

/// Evaluations of the network that a measurement with so many an image takes, counted by batches.
pub fn evaluations(bench: &Bench, an_image: usize) -> usize {
    bench.likelihoods.min(bench.test.len()).div_ceil(bench.batch) * an_image
}

/// Other test images for each seed, so that the spread over seeds tells of that choice too.
fn chosen(bench: &Bench, seed: u64) -> Vec<usize> {
    let mut order = Seed(seed).stream("eval/likelihood", 0).permutation(bench.test.len());
    order.truncate(bench.likelihoods);
    order
}

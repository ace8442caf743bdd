use std::sync::Arc;

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::prelude::*;
use data::{Batches, DataError, HostBatch, ImageSet, Prefetch, Splits};
use random::Seed;

use crate::RunConfig;
use crate::error::TrainError;
use crate::system::Loaders;

/// What a step learns from.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Clean images `[B, C, H, W]` in `[-1, 1]`.
    pub x0: Tensor<4>,
    /// Their noise `[B, C, H, W]`.
    pub eps: Tensor<4>,
    /// Their timesteps, B of them.
    pub timesteps: Vec<usize>,
    /// Uniform values in `[0, 1)`, B of them, for an objective that draws timesteps itself; none in validation.
    pub quantiles: Vec<f64>,
    /// Their classes `[B]`; the number of classes itself where the class is hidden.
    pub labels: Option<Tensor<1, Int>>,
}

/// How images become what a step learns from.
pub trait Preparation: Clone + Send + Sync + 'static {
    /// A batch on the host, before it is uploaded.
    type Host: Clone + Send + Sync + 'static;
    /// What a step learns from.
    type Batch: Clone + Send + Sync + 'static;

    /// A training batch, a function of `index` alone.
    fn train(&self, images: HostBatch, index: u64) -> Self::Host;

    /// A validation batch: images `first..` of `total`, always prepared alike.
    fn valid(&self, images: HostBatch, first: usize, total: usize) -> Self::Host;

    /// The batch on a device.
    fn upload(host: Self::Host, device: &Device) -> Self::Batch;
}

/// The batches of a run, whose first `step` optimizer steps are done.
///
/// # Errors
///
/// If an image cannot be read.
pub fn loaders<P: Preparation>(
    config: &RunConfig,
    preparation: P,
    splits: &Splits,
    device: &Device,
    step: usize,
) -> Result<Loaders<P::Batch>, TrainError> {
    let (train, seed) = (&config.train, Seed(config.seed));
    let valid =
        ValidLoader::new(&splits.valid, (&preparation, seed), train.eval_images, train.batch_size, device)?;
    let loader = TrainLoader {
        batches: Arc::new(Batches::new(splits.train.clone(), train.batch_size, seed)?),
        preparation,
        start: (step * train.grad_accumulation) as u64,
        count: (train.steps - step) * train.grad_accumulation,
        workers: train.workers,
        device: device.clone(),
    };
    Ok(Loaders { train: Arc::new(loader), valid: Arc::new(valid) })
}

/// Training batches from a step on: batch `i` is a pure function of the seed and `i`, so that a resumed run sees
/// what an uninterrupted one sees. Worker threads prepare them ahead.
#[derive(Clone)]
pub struct TrainLoader<P> {
    /// The images.
    pub batches: Arc<Batches>,
    /// What becomes of them.
    pub preparation: P,
    /// The first batch.
    pub start: u64,
    /// How many.
    pub count: usize,
    /// Threads that prepare them.
    pub workers: usize,
    /// Where they go.
    pub device: Device,
}

impl<P: Preparation> DataLoader<P::Batch> for TrainLoader<P> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<P::Batch> + 'a> {
        let (batches, preparation) = (self.batches.clone(), self.preparation.clone());
        let prepare = move |index| Ok(preparation.train(batches.batch(index)?, index));
        let prepared = Prefetch::new(self.workers, self.start, Arc::new(prepare));
        Box::new(Uploads::<P> {
            host: Box::new(prepared.take(self.count)),
            device: &self.device,
            done: 0,
            total: self.count,
        })
    }

    fn num_items(&self) -> usize {
        self.count
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<P::Batch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<P::Batch>> {
        Arc::new(Self { start: self.start + start as u64, count: end - start, ..self.clone() })
    }
}

/// The validation images, always the same, each with its own noise and timestep.
#[derive(Clone)]
pub struct ValidLoader<P: Preparation> {
    steps: Arc<Vec<P::Host>>,
    device: Device,
}

impl<P: Preparation> ValidLoader<P> {
    /// Prepares `images` images of a set, the same ones always, in batches of `batch_size`.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    pub fn new(
        set: &ImageSet,
        (preparation, seed): (&P, Seed),
        images: usize,
        batch_size: usize,
        device: &Device,
    ) -> Result<Self, DataError> {
        let total = images.min(set.len());
        let order = seed.stream("valid/images", 0).permutation(set.len());
        let steps = (0..total).step_by(batch_size).map(|first| {
            let chosen = &order[first..total.min(first + batch_size)];
            Ok(preparation.valid(set.fixed(chosen)?, first, total))
        });
        Ok(Self { steps: Arc::new(steps.collect::<Result<_, DataError>>()?), device: device.clone() })
    }
}

impl<P: Preparation> DataLoader<P::Batch> for ValidLoader<P> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<P::Batch> + 'a> {
        Box::new(Uploads::<P> {
            host: Box::new(self.steps.iter().cloned().map(Ok)),
            device: &self.device,
            done: 0,
            total: self.steps.len(),
        })
    }

    fn num_items(&self) -> usize {
        self.steps.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<P::Batch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<P::Batch>> {
        Arc::new(Self { steps: Arc::new(self.steps[start..end].to_vec()), ..self.clone() })
    }
}

struct Uploads<'a, P: Preparation> {
    host: Box<dyn Iterator<Item = Result<P::Host, DataError>> + 'a>,
    device: &'a Device,
    done: usize,
    total: usize,
}

impl<P: Preparation> Iterator for Uploads<'_, P> {
    type Item = Result<P::Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.host.next()?;
        self.done += 1;
        Some(step.map(|step| P::upload(step, self.device)).map_err(DatasetError::new))
    }
}

impl<P: Preparation> DataLoaderIterator<P::Batch> for Uploads<'_, P> {
    fn progress(&self) -> Progress {
        Progress::new(self.done, self.total, Some("steps".into()))
    }
}

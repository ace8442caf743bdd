use std::sync::Arc;

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::prelude::*;
use data::{Batches, DataError, HostBatch, ImageSet, Prefetch};
use random::Seed;

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

/// A batch on the host, before it is uploaded.
#[derive(Clone)]
struct HostStep {
    images: HostBatch,
    eps: Vec<f32>,
    timesteps: Vec<usize>,
    quantiles: Vec<f64>,
    labels: Option<Vec<usize>>,
}

impl HostStep {
    fn upload(self, device: &Device) -> Batch {
        let shape = self.images.shape;
        let batch = shape[0];
        let labels = self.labels.map(|labels| {
            let labels: Vec<i64> = labels.into_iter().map(|label| label as i64).collect();
            Tensor::from_data(TensorData::new(labels, [batch]), device)
        });
        Batch {
            x0: Tensor::from_data(TensorData::new(self.images.pixels, shape), device),
            eps: Tensor::from_data(TensorData::new(self.eps, shape), device),
            timesteps: self.timesteps,
            quantiles: self.quantiles,
            labels,
        }
    }
}

/// How batches are noised.
#[derive(Clone, Copy, Debug)]
pub struct Noising {
    /// The run's seed.
    pub seed: Seed,
    /// Length of the chain.
    pub num_train_timesteps: usize,
    /// Classes of a conditional network.
    pub num_classes: Option<usize>,
    /// Probability of hiding a class in training.
    pub cond_drop_prob: f64,
}

impl Noising {
    /// A training batch: uniform timesteps, noise and hidden labels from the streams of `index` alone.
    fn train(&self, images: HostBatch, index: u64) -> HostStep {
        let batch = images.shape[0];
        let mut times = self.seed.stream("train/timestep", index);
        let mut hide = self.seed.stream("train/hide", index);
        let eps = self.seed.stream("train/noise", index).normal(images.pixels.len());
        let timesteps = (0..batch).map(|_| times.below(self.num_train_timesteps)).collect();
        let mut quantiles = self.seed.stream("train/quantile", index);
        let quantiles = (0..batch).map(|_| quantiles.uniform()).collect();
        let labels = self.labels(&images, || hide.chance(self.cond_drop_prob));
        HostStep { images, eps, timesteps, quantiles, labels }
    }

    /// A validation batch: image `first + i` of `total` always has the same noise, and the timesteps of all images
    /// are spread evenly over the chain.
    fn valid(&self, images: HostBatch, first: usize, total: usize) -> HostStep {
        let numbers = first..first + images.shape[0];
        let pixels = images.pixels.len() / images.shape[0];
        let noise = |number| self.seed.stream("valid/noise", number as u64).normal(pixels);
        let eps = numbers.clone().flat_map(noise).collect();
        let timesteps =
            numbers.map(|number| (2 * number + 1) * self.num_train_timesteps / (2 * total)).collect();
        let labels = self.labels(&images, || false);
        HostStep { images, eps, timesteps, quantiles: Vec::new(), labels }
    }

    fn labels(&self, images: &HostBatch, mut hidden: impl FnMut() -> bool) -> Option<Vec<usize>> {
        let null = self.num_classes?;
        let labels = images.labels.as_ref()?;
        Some(labels.iter().map(|&label| if hidden() { null } else { label }).collect())
    }
}

/// Training batches from a step on: batch `i` is a pure function of the seed and `i`, so that a resumed run sees
/// what an uninterrupted one sees. Worker threads prepare them ahead.
#[derive(Clone)]
pub struct TrainLoader {
    /// The images.
    pub batches: Arc<Batches>,
    /// Their noise.
    pub noising: Noising,
    /// The first batch.
    pub start: u64,
    /// How many.
    pub count: usize,
    /// Threads that prepare them.
    pub workers: usize,
    /// Where they go.
    pub device: Device,
}

impl DataLoader<Batch> for TrainLoader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let (batches, noising) = (self.batches.clone(), self.noising);
        let prepare = move |index| Ok(noising.train(batches.batch(index)?, index));
        let prepared = Prefetch::new(self.workers, self.start, Arc::new(prepare));
        Box::new(Uploads {
            host: Box::new(prepared.take(self.count)),
            device: &self.device,
            done: 0,
            total: self.count,
        })
    }

    fn num_items(&self) -> usize {
        self.count
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { start: self.start + start as u64, count: end - start, ..self.clone() })
    }
}

/// The validation images, always the same, each with its own noise and timestep.
#[derive(Clone)]
pub struct ValidLoader {
    steps: Arc<Vec<HostStep>>,
    device: Device,
}

impl ValidLoader {
    /// Prepares `images` images of a set, the same ones always, in batches of `batch_size`.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    pub fn new(
        set: &ImageSet,
        noising: Noising,
        images: usize,
        batch_size: usize,
        device: &Device,
    ) -> Result<Self, DataError> {
        let total = images.min(set.len());
        let order = noising.seed.stream("valid/images", 0).permutation(set.len());
        let steps = (0..total).step_by(batch_size).map(|first| {
            let chosen = &order[first..total.min(first + batch_size)];
            Ok(noising.valid(set.fixed(chosen)?, first, total))
        });
        Ok(Self { steps: Arc::new(steps.collect::<Result<_, DataError>>()?), device: device.clone() })
    }
}

impl DataLoader<Batch> for ValidLoader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        Box::new(Uploads {
            host: Box::new(self.steps.iter().cloned().map(Ok)),
            device: &self.device,
            done: 0,
            total: self.steps.len(),
        })
    }

    fn num_items(&self) -> usize {
        self.steps.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { steps: Arc::new(self.steps[start..end].to_vec()), ..self.clone() })
    }
}

struct Uploads<'a> {
    host: Box<dyn Iterator<Item = Result<HostStep, DataError>> + 'a>,
    device: &'a Device,
    done: usize,
    total: usize,
}

impl Iterator for Uploads<'_> {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.host.next()?;
        self.done += 1;
        Some(step.map(|step| step.upload(self.device)).map_err(DatasetError::new))
    }
}

impl DataLoaderIterator<Batch> for Uploads<'_> {
    fn progress(&self) -> Progress {
        Progress::new(self.done, self.total, Some("steps".into()))
    }
}

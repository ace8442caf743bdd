use burn::prelude::*;
use data::{DataError, HostBatch, ImageSet};
use random::Seed;

use crate::RunConfig;
use crate::loader::HostStep;

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
pub struct HostImages {
    images: HostBatch,
    eps: Vec<f32>,
    timesteps: Vec<usize>,
    quantiles: Vec<f64>,
    labels: Option<Vec<usize>>,
}

impl HostStep for HostImages {
    type Batch = Batch;

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
    /// That of a run.
    pub fn of(config: &RunConfig) -> Self {
        Self {
            seed: Seed(config.seed),
            num_train_timesteps: config.diffusion.num_train_timesteps,
            num_classes: config.model.num_classes,
            cond_drop_prob: config.train.cond_drop_prob,
        }
    }

    /// A training batch: uniform timesteps, noise and hidden labels from the streams of `index` alone.
    pub fn train(&self, images: HostBatch, index: u64) -> HostImages {
        let batch = images.shape[0];
        let mut times = self.seed.stream("train/timestep", index);
        let mut hide = self.seed.stream("train/hide", index);
        let eps = self.seed.stream("train/noise", index).normal(images.pixels.len());
        let timesteps = (0..batch).map(|_| times.below(self.num_train_timesteps)).collect();
        let mut quantiles = self.seed.stream("train/quantile", index);
        let quantiles = (0..batch).map(|_| quantiles.uniform()).collect();
        let labels = self.labels(&images, || hide.chance(self.cond_drop_prob));
        HostImages { images, eps, timesteps, quantiles, labels }
    }

    /// A validation batch: image `first + i` of `total` always has the same noise, and the timesteps of all images
    /// are spread evenly over the chain.
    fn valid(&self, images: HostBatch, first: usize, total: usize) -> HostImages {
        let numbers = first..first + images.shape[0];
        let pixels = images.pixels.len() / images.shape[0];
        let noise = |number| self.seed.stream("valid/noise", number as u64).normal(pixels);
        let eps = numbers.clone().flat_map(noise).collect();
        let timesteps =
            numbers.map(|number| (2 * number + 1) * self.num_train_timesteps / (2 * total)).collect();
        let labels = self.labels(&images, || false);
        HostImages { images, eps, timesteps, quantiles: Vec::new(), labels }
    }

    /// The validation images, the same `images` of a set always, in batches of `batch_size`.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    pub fn valid_batches(
        &self,
        set: &ImageSet,
        images: usize,
        batch_size: usize,
    ) -> Result<Vec<HostImages>, DataError> {
        let chosen = validation_images(self.seed, set, images);
        let batches = (0..chosen.len()).step_by(batch_size).map(|first| {
            let numbers = &chosen[first..chosen.len().min(first + batch_size)];
            Ok(self.valid(set.fixed(numbers)?, first, chosen.len()))
        });
        batches.collect()
    }

    fn labels(&self, images: &HostBatch, mut hidden: impl FnMut() -> bool) -> Option<Vec<usize>> {
        let null = self.num_classes?;
        let labels = images.labels.as_ref()?;
        Some(labels.iter().map(|&label| if hidden() { null } else { label }).collect())
    }
}

/// The numbers of the images that a run validates on: `images` of a set, the same ones always.
pub fn validation_images(seed: Seed, set: &ImageSet, images: usize) -> Vec<usize> {
    let mut order = seed.stream("valid/images", 0).permutation(set.len());
    order.truncate(images);
    order
}

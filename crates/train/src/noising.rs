use burn::prelude::*;
use data::HostBatch;
use random::Seed;

use crate::batches::Preparation;
use crate::{Batch, RunConfig};

/// A batch on the host, before it is uploaded.
#[derive(Clone)]
pub struct HostStep {
    images: HostBatch,
    eps: Vec<f32>,
    timesteps: Vec<usize>,
    quantiles: Vec<f64>,
    labels: Option<Vec<usize>>,
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

impl Preparation for Noising {
    type Host = HostStep;
    type Batch = Batch;

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

    fn upload(host: HostStep, device: &Device) -> Batch {
        let shape = host.images.shape;
        let labels = host.labels.map(|labels| {
            let labels: Vec<i64> = labels.into_iter().map(|label| label as i64).collect();
            Tensor::from_data(TensorData::new(labels, [shape[0]]), device)
        });
        Batch {
            x0: Tensor::from_data(TensorData::new(host.images.pixels, shape), device),
            eps: Tensor::from_data(TensorData::new(host.eps, shape), device),
            timesteps: host.timesteps,
            quantiles: host.quantiles,
            labels,
        }
    }
}

impl Noising {
    /// That of a run.
    pub fn new(config: &RunConfig) -> Self {
        Self {
            seed: Seed(config.seed),
            num_train_timesteps: config.diffusion.num_train_timesteps,
            num_classes: config.model.num_classes,
            cond_drop_prob: config.train.cond_drop_prob,
        }
    }

    fn labels(&self, images: &HostBatch, mut hidden: impl FnMut() -> bool) -> Option<Vec<usize>> {
        let null = self.num_classes?;
        let labels = images.labels.as_ref()?;
        Some(labels.iter().map(|&label| if hidden() { null } else { label }).collect())
    }
}

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

    /// A validation batch: the image at one of `total` places always has the same noise and timestep, and the timesteps of
    /// all of them are spread evenly over the chain.
    fn valid(&self, images: HostBatch, places: &[usize], total: usize) -> HostImages {
        let pixels = images.pixels.len() / images.shape[0];
        let noise = |&place: &usize| self.seed.stream("valid/noise", place as u64).normal(pixels);
        let eps = places.iter().flat_map(noise).collect();
        let timestep = |place: &usize| (2 * place + 1) * self.num_train_timesteps / (2 * total);
        let timesteps = places.iter().map(timestep).collect();
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
        let batches = validation_batches(self.seed, set, images, batch_size);
        let total = batches.iter().map(|batch| batch.places.len()).sum();
        let noised =
            |batch: &ValidationBatch| Ok(self.valid(set.fixed(&batch.numbers)?, &batch.places, total));
        batches.iter().map(noised).collect()
    }

    fn labels(&self, images: &HostBatch, mut hidden: impl FnMut() -> bool) -> Option<Vec<usize>> {
        let null = self.num_classes?;
        let labels = images.labels.as_ref()?;
        Some(labels.iter().map(|&label| if hidden() { null } else { label }).collect())
    }
}

/// Some of the images that a run validates on.
pub struct ValidationBatch {
    /// Their places among all of them: every batch has some from the beginning to the end.
    pub places: Vec<usize>,
    /// Their numbers in the set.
    pub numbers: Vec<usize>,
}

/// The images that a run validates on in as few batches as can be, all of one size or one less.
///
/// What is spread over the places, as timesteps are over the chain, is spread over those of each batch, so that the losses of
/// batches can be compared.
pub fn validation_batches(
    seed: Seed,
    set: &ImageSet,
    images: usize,
    batch_size: usize,
) -> Vec<ValidationBatch> {
    let chosen = validation_images(seed, set, images);
    let batches = chosen.len().div_ceil(batch_size);
    let of_places = |places: Vec<usize>| {
        let numbers = places.iter().map(|&place| chosen[place]).collect();
        ValidationBatch { places, numbers }
    };
    (0..batches).map(|first| of_places((first..chosen.len()).step_by(batches).collect())).collect()
}

/// The numbers of the images that a run validates on: `images` of a set, the same ones always.
pub fn validation_images(seed: Seed, set: &ImageSet, images: usize) -> Vec<usize> {
    let mut order = seed.stream("valid/images", 0).permutation(set.len());
    order.truncate(images);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use data::{DatasetConfig, SourceConfig, SwissRollConfig};

    /// In batches of any size an image has the noise and the timestep that it has alone, and the losses of a batch are of
    /// timesteps from all over the chain.
    #[test]
    fn every_validation_batch_sees_the_whole_chain() {
        let source = SourceConfig::SwissRoll(SwissRollConfig { points: 200, ..SwissRollConfig::default() });
        let set = DatasetConfig { source, ..DatasetConfig::default() }.open(false).unwrap().train;
        let noising =
            Noising { seed: Seed(3), num_train_timesteps: 1000, num_classes: None, cond_drop_prob: 0.0 };
        let at_once = noising.valid_batches(&set, 50, 50).unwrap().remove(0);
        assert_eq!(at_once.timesteps, (0..50).map(|i| 10 + 20 * i).collect::<Vec<_>>());
        for batch_size in [1, 16, 24, 49, 64] {
            let batches = noising.valid_batches(&set, 50, batch_size).unwrap();
            assert_eq!(batches.len(), 50usize.div_ceil(batch_size));
            let mut seen = vec![];
            for batch in &batches {
                assert!(batch.timesteps.len() <= batch_size);
                let mean = batch.timesteps.iter().sum::<usize>() as f64 / batch.timesteps.len() as f64;
                assert!(batch_size == 1 || (mean - 500.0).abs() < 50.0, "{:?}", batch.timesteps);
                for (i, &timestep) in batch.timesteps.iter().enumerate() {
                    let place = (timestep - 10) / 20;
                    let values = |images: &HostImages, i: usize| {
                        [&images.images.pixels, &images.eps].map(|values| values[2 * i..2 * i + 2].to_vec())
                    };
                    assert_eq!(values(batch, i), values(&at_once, place));
                    seen.push(place);
                }
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..50).collect::<Vec<_>>());
        }
    }
}

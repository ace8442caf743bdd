use burn::prelude::*;
use data::{DataError, HostBatch, ImageSet};
use random::Seed;

use crate::batches::validation_images;
use crate::loader::HostStep;

/// What a step of an autoencoder learns from.
#[derive(Clone, Debug)]
pub struct FirstStageBatch {
    /// Images `[B, C, H, W]` in `[-1, 1]`.
    pub images: Tensor<4>,
    /// The noise of their latents `[B, latent channels, H/f, W/f]`.
    pub noise: Tensor<4>,
    /// The optimizer step.
    pub step: usize,
}

/// A batch on the host.
#[derive(Clone)]
pub struct HostImages {
    images: HostBatch,
    noise: Vec<f32>,
    latent: [usize; 3],
    step: usize,
}

impl HostStep for HostImages {
    type Batch = FirstStageBatch;

    fn upload(self, device: &Device) -> FirstStageBatch {
        let shape = self.images.shape;
        let [channels, height, width] = self.latent;
        let noise = TensorData::new(self.noise, [shape[0], channels, height, width]);
        FirstStageBatch {
            images: Tensor::from_data(TensorData::new(self.images.pixels, shape), device),
            noise: Tensor::from_data(noise, device),
            step: self.step,
        }
    }
}

/// How images become batches.
#[derive(Clone, Copy, Debug)]
pub struct Noising {
    /// The run's seed.
    pub seed: Seed,
    /// `[C, H, W]` of a latent.
    pub latent: [usize; 3],
    /// Batches to an optimizer step.
    pub batches_per_step: usize,
}

impl Noising {
    /// A training batch: its noise is from the stream of `index` alone.
    pub fn train(&self, images: HostBatch, index: u64) -> HostImages {
        let step = index as usize / self.batches_per_step;
        self.host(images, "train/noise", index, step)
    }

    /// The validation batches: the same images and noise always.
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
        let batches = chosen.chunks(batch_size).enumerate();
        batches
            .map(|(index, numbers)| Ok(self.host(set.fixed(numbers)?, "valid/noise", index as u64, 0)))
            .collect()
    }

    fn host(&self, images: HostBatch, purpose: &str, index: u64, step: usize) -> HostImages {
        let values = images.shape[0] * self.latent.iter().product::<usize>();
        let noise = self.seed.stream(purpose, index).normal(values);
        HostImages { images, noise, latent: self.latent, step }
    }
}

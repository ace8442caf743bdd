use burn::prelude::*;
use data::{DataError, HostBatch, ImageSet};

use super::low_resolution::{Draws, LowResolution};
use crate::Batch;
use crate::batches::{HostImages, Noising, validation_batches};
use crate::loader::HostStep;

/// What a step of a super-resolution stage learns from.
#[derive(Clone, Debug)]
pub struct SuperResolutionBatch {
    /// The images of the stage's own resolution, `[B, C, H, W]`.
    pub images: Batch,
    /// Their low-resolution versions, augmented and enlarged, `[B, C, H, W]`.
    pub low: Tensor<4>,
    /// How much those were augmented: s of each, `[B]`.
    pub levels: Tensor<1>,
}

/// How batches of a super-resolution stage are noised and augmented.
#[derive(Clone)]
pub(crate) struct ShownNoising {
    pub(crate) noising: Noising,
    pub(crate) low: LowResolution,
}

/// A batch on the host.
#[derive(Clone)]
pub(crate) struct ShownImages {
    images: HostImages,
    low: Vec<f32>,
    levels: Vec<usize>,
    shape: [usize; 4],
}

impl ShownNoising {
    /// A training batch, all of it from the streams of `index` alone.
    pub(crate) fn train(&self, images: HostBatch, index: u64) -> ShownImages {
        let stream = |purpose| self.noising.seed.stream(purpose, index);
        let mut draws = Draws {
            levels: stream("train/low_level"),
            noise: stream("train/low_noise"),
            blur: Some(stream("train/low_blur")),
        };
        let (low, levels) = self.low.show(&images, &mut draws);
        let shape = images.shape;
        ShownImages { images: self.noising.train(images, index), low, levels, shape }
    }

    /// The validation images, the same `images` of a set always, in batches of `batch_size`: without blur, and with levels
    /// that do not go with the timesteps.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    pub(crate) fn valid_batches(
        &self,
        set: &ImageSet,
        images: usize,
        batch_size: usize,
    ) -> Result<Vec<ShownImages>, DataError> {
        let noised = self.noising.valid_batches(set, images, batch_size)?;
        let batches = validation_batches(self.noising.seed, set, images, batch_size);
        let whole = noised.into_iter().zip(batches).zip(0..);
        whole.map(|((images, batch), index)| self.valid(images, &set.fixed(&batch.numbers)?, index)).collect()
    }

    fn valid(&self, images: HostImages, whole: &HostBatch, index: u64) -> Result<ShownImages, DataError> {
        let stream = |purpose| self.noising.seed.stream(purpose, index);
        let mut draws =
            Draws { levels: stream("valid/low_level"), noise: stream("valid/low_noise"), blur: None };
        let (low, levels) = self.low.show(whole, &mut draws);
        Ok(ShownImages { images, low, levels, shape: whole.shape })
    }
}

impl HostStep for ShownImages {
    type Batch = SuperResolutionBatch;

    fn upload(self, device: &Device) -> SuperResolutionBatch {
        let levels: Vec<f32> = self.levels.iter().map(|&s| s as f32).collect();
        let images = levels.len();
        SuperResolutionBatch {
            images: self.images.upload(device),
            low: Tensor::from_data(TensorData::new(self.low, self.shape), device),
            levels: Tensor::from_data(TensorData::new(levels, [images]), device),
        }
    }
}

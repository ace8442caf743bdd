use burn::prelude::*;
use data::HostBatch;
use random::Stream;

use super::low_resolution::{Draws, LowResolution};
use crate::Batch;
use crate::batches::Preparation;
use crate::noising::{HostStep, Noising};

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
pub(crate) struct ShownStep {
    images: HostStep,
    low: Vec<f32>,
    levels: Vec<usize>,
    shape: [usize; 4],
}

impl Preparation for ShownNoising {
    type Host = ShownStep;
    type Batch = SuperResolutionBatch;

    fn train(&self, images: HostBatch, index: u64) -> ShownStep {
        let stream = |purpose| self.noising.seed.stream(purpose, index);
        let mut draws = Draws {
            levels: stream("train/low_level"),
            noise: stream("train/low_noise"),
            blur: Some(stream("train/low_blur")),
        };
        let (low, levels) = self.low.show(&images, &mut draws);
        let shape = images.shape;
        ShownStep { images: self.noising.train(images, index), low, levels, shape }
    }

    /// The s of the images spread over all levels by chance, so that they do not go with the timesteps; no blur.
    fn valid(&self, images: HostBatch, first: usize, total: usize) -> ShownStep {
        let stream = |purpose: &str| -> Stream { self.noising.seed.stream(purpose, first as u64) };
        let mut draws =
            Draws { levels: stream("valid/low_level"), noise: stream("valid/low_noise"), blur: None };
        let (low, levels) = self.low.show(&images, &mut draws);
        let shape = images.shape;
        ShownStep { images: self.noising.valid(images, first, total), low, levels, shape }
    }

    fn upload(host: ShownStep, device: &Device) -> SuperResolutionBatch {
        let levels: Vec<f32> = host.levels.iter().map(|&s| s as f32).collect();
        let images = levels.len();
        SuperResolutionBatch {
            images: Noising::upload(host.images, device),
            low: Tensor::from_data(TensorData::new(host.low, host.shape), device),
            levels: Tensor::from_data(TensorData::new(levels, [images]), device),
        }
    }
}

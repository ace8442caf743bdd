use burn::prelude::*;
use diffusion::ImageNoise;
use random::Seed;
use unet::SuperResolutionUNet;

use super::low_resolution::LowResolution;
use super::{SuperResolution, SuperResolutionConfig};
use crate::error::TrainError;
use crate::network::Shown;
use crate::{TrainedModel, Weights};

/// A trained super-resolution stage with all that sampling from it needs but the images to enlarge.
#[derive(Debug)]
pub struct SuperResolutionModel {
    net: SuperResolutionUNet,
    /// What it was trained with.
    pub config: SuperResolutionConfig,
    /// What it is shown.
    pub low: LowResolution,
    device: Device,
}

impl SuperResolutionModel {
    /// Wraps a network made by `config`, on its device.
    ///
    /// # Errors
    ///
    /// If the configuration is impossible.
    pub fn new(
        net: SuperResolutionUNet,
        config: &SuperResolutionConfig,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let low = LowResolution::new(&config.low_resolution, config.run.model.image_size);
        let low = low.map_err(|reason| TrainError::Config { origin: "[low_resolution]".into(), reason })?;
        Ok(Self { net, config: config.clone(), low, device: device.clone() })
    }

    /// The model with averaged weights that were read.
    ///
    /// # Errors
    ///
    /// If they are those of another network.
    pub fn load(
        weights: &Weights,
        config: &SuperResolutionConfig,
        device: &Device,
    ) -> Result<Self, TrainError> {
        Self::new(weights.averaged::<SuperResolution>(config, device)?, config, device)
    }

    /// The model with the weights that gradients moved, not their average.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), and if there are only averaged ones.
    pub fn load_raw(
        weights: &Weights,
        config: &SuperResolutionConfig,
        device: &Device,
    ) -> Result<Self, TrainError> {
        Self::new(weights.raw::<SuperResolution>(config, device)?, config, device)
    }

    /// `[C, H, W]` of its images.
    pub fn image_shape(&self) -> [usize; 3] {
        let side = self.config.run.model.image_size;
        [self.config.run.image_channels(), side, side]
    }

    /// `[C, h, w]` of the images that it enlarges.
    pub fn low_shape(&self) -> [usize; 3] {
        let side = self.config.low_resolution.image_size;
        [self.config.run.image_channels(), side, side]
    }

    /// Low-resolution images with the noise of s, the same for an image of a seed whatever the batch.
    ///
    /// # Shapes
    ///
    /// - `low`, result: `[B, C, h, w]`
    ///
    /// # Errors
    ///
    /// If the device cannot be read.
    pub fn augmented(
        &self,
        mut low: Vec<f32>,
        s: usize,
        seed: u64,
        numbers: impl IntoIterator<Item = u64>,
    ) -> Result<Vec<f32>, TrainError> {
        let seed = Seed(seed).derive("cascade/augmentation", self.low_shape()[1] as u64);
        let eps = ImageNoise::new(seed, numbers, self.low_shape(), &self.device).draw();
        let eps = eps.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))?;
        self.low.noise(&mut low, &eps, s);
        Ok(low)
    }

    /// The model of images like `low`, which have been augmented by s.
    ///
    /// # Shapes
    ///
    /// - `low`: `[B, C, h, w]`
    ///
    /// # Errors
    ///
    /// If the configuration's schedule is impossible.
    pub fn shown(&self, low: &[f32], s: usize) -> Result<TrainedModel<Shown<'_>>, TrainError> {
        let [channels, height, width] = self.image_shape();
        let images = low.len() / self.low_shape().iter().product::<usize>();
        let enlarged = TensorData::new(self.low.enlarge(low), [images, channels, height, width]);
        let shown = Shown {
            net: &self.net,
            low: Tensor::from_data(enlarged, &self.device),
            levels: Tensor::full([images], s as f64, &self.device),
        };
        TrainedModel::new(shown, &self.config.run, &self.device)
    }
}

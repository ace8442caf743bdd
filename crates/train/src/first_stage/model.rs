use autoencoder::{Autoencoder, LatentScale};
use burn::prelude::*;
use data::Splits;
use random::Seed;

use super::config::FirstStageRunConfig;
use super::loss::{absolute_errors, psnr, ssim};
use super::system::{FirstStage, FirstStageNet};
use crate::Weights;
use crate::batches::validation_images;
use crate::error::TrainError;
use crate::record::Measure;

/// Images whose latents the scale is measured on.
const SCALE_IMAGES: usize = 64;

/// A trained autoencoder.
#[derive(Debug)]
pub struct TrainedFirstStage {
    /// The network.
    pub autoencoder: Autoencoder,
    /// What it was trained with.
    pub config: FirstStageRunConfig,
}

/// What an autoencoder makes of images.
#[derive(Debug)]
pub struct Reconstructions {
    /// `[B, C, H, W]`, in `[-1, 1]` and somewhat beyond
    pub images: Tensor<4>,
    /// The peak signal-to-noise ratio of each, in dB.
    pub psnr: Vec<f64>,
    /// The structural similarity of each.
    pub ssim: Vec<f64>,
    /// The mean absolute error of each, of the range -1 to 1.
    pub absolute: Vec<f64>,
}

impl TrainedFirstStage {
    /// The autoencoder with averaged weights that were read.
    ///
    /// # Errors
    ///
    /// If they are those of another network.
    pub fn load(weights: &Weights, config: FirstStageRunConfig, device: &Device) -> Result<Self, TrainError> {
        let FirstStageNet { autoencoder, .. } = weights.averaged::<FirstStage>(&config, device)?;
        Ok(Self { autoencoder, config })
    }

    /// What brings its latents to unit variance, measured on one batch of training images.
    ///
    /// # Errors
    ///
    /// If an image cannot be read, or the device fails.
    pub fn latent_scale(&self, splits: &Splits, device: &Device) -> Result<LatentScale, TrainError> {
        latent_scale(&self.autoencoder, splits, device)
    }

    /// Images through latents and back, and how near they come.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn reconstruct(&self, images: Tensor<4>) -> Result<Reconstructions, TrainError> {
        let output = self.autoencoder.decode(self.autoencoder.latent(images.clone()));
        Ok(Reconstructions {
            psnr: numbers_of(psnr(&output, &images))?,
            ssim: numbers_of(ssim(&output, &images))?,
            absolute: numbers_of(absolute_errors(&output, &images))?,
            images: output,
        })
    }

    /// The quality of reconstructions, and the scale of the latents.
    pub(super) fn measure(&self, splits: &Splits, device: &Device) -> Result<Vec<Measure>, TrainError> {
        let train = &self.config.train;
        let set = if splits.valid.is_empty() { &splits.train } else { &splits.valid };
        let chosen = validation_images(Seed(self.config.seed), set, train.eval_images);
        let [mut psnr, mut ssim, mut absolute] = [const { Vec::new() }; 3];
        for numbers in chosen.chunks(train.batch_size) {
            let batch = self.reconstruct(upload(set.fixed(numbers)?, device))?;
            psnr.extend(batch.psnr);
            ssim.extend(batch.ssim);
            absolute.extend(batch.absolute);
        }
        let scale = self.latent_scale(splits, device)?.scale[0];
        Ok(vec![
            mean("PSNR", "dB", &psnr),
            mean("SSIM", "", &ssim),
            mean("absolute error", "of the range -1 to 1", &absolute),
            Measure { name: "latent scale".into(), value: scale, stderr: 0.0, unit: String::new() },
        ])
    }
}

/// What brings the latents of an autoencoder to unit variance, measured on one batch of training images (Rombach et al. 2022,
/// appendix G).
///
/// # Errors
///
/// If an image cannot be read, or the device fails.
pub fn latent_scale(
    autoencoder: &Autoencoder,
    splits: &Splits,
    device: &Device,
) -> Result<LatentScale, TrainError> {
    let mut order = Seed(0).stream("latent/scale", 0).permutation(splits.train.len());
    order.truncate(SCALE_IMAGES);
    let latent = autoencoder.latent(upload(splits.train.fixed(&order)?, device));
    let variance = (latent.clone() - latent.mean().reshape([1, 1, 1, 1])).powf_scalar(2.0).mean();
    let variance =
        variance.try_into_scalar::<f64>().map_err(|error| TrainError::Device(error.to_string()))?;
    Ok(LatentScale::uniform(1.0 / variance.sqrt().max(1e-6)))
}

fn upload(images: data::HostBatch, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(images.pixels, images.shape), device)
}

fn numbers_of(tensor: Tensor<1>) -> Result<Vec<f64>, TrainError> {
    tensor.try_into_vec_as::<f64>().map_err(|error| TrainError::Device(error.to_string()))
}

fn mean(name: &str, unit: &str, values: &[f64]) -> Measure {
    let count = values.len() as f64;
    let value = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|other| (other - value).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    Measure { name: name.into(), value, stderr: (variance / count).sqrt(), unit: unit.into() }
}

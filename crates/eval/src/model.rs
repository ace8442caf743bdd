use anyhow::{Context, Result};
use diffusion::Denoiser;
use random::Seed;
use train::cascade::SuperResolutionModel;
use train::{Network, TrainedModel};

use crate::likelihood::LikelihoodBatch;

/// A model that is judged.
#[derive(Debug)]
pub enum Model {
    /// Of images.
    Run(Box<TrainedModel>),
    /// Of images that a low-resolution version of is known: a super-resolution stage of a cascade, which is told the s that
    /// was recorded for it.
    Stage(Box<SuperResolutionModel>),
}

/// What a model believes of the images of a batch.
pub struct Denoisers<'a> {
    /// With clean images clipped to the range of the data, as it is sampled from.
    pub clipped: Box<dyn Denoiser + 'a>,
    /// Without.
    pub free: Box<dyn Denoiser + 'a>,
}

impl Model {
    /// Asks about a batch. A stage is shown the batch itself at low resolution, with noise of `seed`.
    ///
    /// # Errors
    ///
    /// What `ask` says, and if the device cannot be read.
    pub fn ask<T>(
        &self,
        batch: &LikelihoodBatch,
        seed: Seed,
        ask: impl FnOnce(Denoisers<'_>) -> Result<T>,
    ) -> Result<T> {
        let labels = batch.labels.as_deref();
        match self {
            Self::Run(model) => ask(Denoisers::of(model, labels)),
            Self::Stage(stage) => {
                let s = stage.config.low_resolution.level;
                let images = batch.x0.clone().try_into_vec_as::<f32>();
                let low = stage.low.reduce(&images.context("failed to read images from the device")?);
                let numbers = batch.indices.iter().map(|&index| index as u64);
                let low = stage.augmented(low, s, seed.derive("eval/low", 0), numbers)?;
                let shown = stage.shown(&low, s)?;
                ask(Denoisers::of(&shown, labels))
            }
        }
    }
}

impl<'a> Denoisers<'a> {
    fn of<N: Network>(model: &'a TrainedModel<N>, labels: Option<&[usize]>) -> Self {
        Self { clipped: model.denoiser(labels, 1.0), free: model.unclipped(labels) }
    }
}

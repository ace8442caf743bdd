use std::ops::{ControlFlow, Range};

use anyhow::{Context, Result, bail};
use burn::prelude::*;
use diffusion::{Denoiser, ImageNoise, SamplerConfig, Step};
use random::Seed;
use train::cascade::SuperResolutionModel;
use train::{FrozenFirstStage, Network, Told, TrainError, TrainedLatent, TrainedModel};
use unet::UNet;

use crate::bench::Bench;
use crate::likelihood::LikelihoodBatch;

/// A model that is judged.
#[derive(Debug)]
pub enum Model {
    /// Of images.
    Run(Box<TrainedModel>),
    /// Of images that a low-resolution version of is known: a super-resolution stage of a cascade, which is told the s that
    /// was recorded for it.
    Stage(Box<SuperResolutionModel>),
    /// Of latents.
    Latent(Box<LatentModel>),
}

/// A model of latents, and what makes images of them.
#[derive(Debug)]
pub struct LatentModel {
    latents: TrainedModel<Told<UNet>>,
    first_stage: FrozenFirstStage,
}

impl LatentModel {
    /// Of a run that knows classes or nothing.
    ///
    /// # Errors
    ///
    /// If the configuration's schedule is impossible.
    pub fn new(trained: TrainedLatent) -> Result<Self, TrainError> {
        Ok(Self { latents: trained.told(&[], "")?, first_stage: trained.first_stage })
    }
}

/// What a model believes of the images of a batch.
pub struct Denoisers<'a> {
    /// With clean images clipped to the range of the data, as it is sampled from.
    pub clipped: Box<dyn Denoiser + 'a>,
    /// Without.
    pub free: Box<dyn Denoiser + 'a>,
}

impl Model {
    /// The images `numbers` of a seed, `[B, C, H, W]`, drawn with a bench's guidance; `step` is called after each step.
    ///
    /// # Errors
    ///
    /// If the sampler does not fit the model, or the model is a stage of a cascade, which draws nothing by itself.
    pub fn draw(
        &self,
        bench: &Bench,
        sampler: &SamplerConfig,
        seed: u64,
        numbers: Range<usize>,
        step: &mut dyn FnMut(),
    ) -> Result<Tensor<4>> {
        match self {
            Self::Run(model) => drawn(model, bench, sampler, seed, numbers, step),
            Self::Latent(model) => {
                let latents = drawn(&model.latents, bench, sampler, seed, numbers, step)?;
                Ok(model.first_stage.decode(latents))
            }
            Self::Stage(_) => bail!("a super-resolution stage draws nothing by itself"),
        }
    }

    /// Asks about a batch. A stage is shown the batch itself at low resolution, with noise of `seed`.
    ///
    /// # Errors
    ///
    /// What `ask` says, if the device cannot be read, or if the model is one of latents.
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
            Self::Latent(_) => bail!("a model of latents has no likelihood of pixels"),
        }
    }
}

fn drawn<N: Network>(
    model: &TrainedModel<N>,
    bench: &Bench,
    sampler: &SamplerConfig,
    seed: u64,
    numbers: Range<usize>,
    step: &mut dyn FnMut(),
) -> Result<Tensor<4>> {
    let labels: Option<Vec<usize>> = numbers.clone().map(|index| bench.label(index)).collect();
    let denoiser = model.denoiser(labels.as_deref(), bench.guidance_scale);
    let numbers = numbers.start as u64..numbers.end as u64;
    let mut noise = ImageNoise::new(seed, numbers, model.image_shape, &model.device);
    let mut observer = |_: Step| {
        step();
        ControlFlow::Continue(())
    };
    Ok(sampler.draw(denoiser.as_ref(), &model.curve, &mut noise, &mut observer)?)
}

impl<'a> Denoisers<'a> {
    fn of<N: Network>(model: &'a TrainedModel<N>, labels: Option<&[usize]>) -> Self {
        Self { clipped: model.denoiser(labels, 1.0), free: model.unclipped(labels) }
    }
}

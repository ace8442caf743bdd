use burn::prelude::*;
use data::{ImageSet, Splits};
use diffusion::ImageNoise;
use diffusion::likelihood::VariationalBound;
use random::Seed;
use serde::{Deserialize, Serialize};

use crate::batches::validation_images;
use crate::error::TrainError;
use crate::metrics::Stats;
use crate::{RunConfig, TrainedModel};

/// What is measured of a run while it is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalConfig {
    /// Steps between estimates of the variational bound, a multiple of `train.eval_every`; 0 for none.
    pub every: usize,
    /// Validation images of an estimate, always the same ones.
    pub images: usize,
    /// Evaluations of the network for each of them, out of as many as the chain has timesteps.
    pub evaluations: usize,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self { every: 0, images: 16, evaluations: 32 }
    }
}

impl EvalConfig {
    /// Whether an estimate is due at a step.
    pub(crate) fn due(&self, step: usize) -> bool {
        self.every > 0 && step.is_multiple_of(self.every)
    }

    /// Checks what the types cannot; `validation` is the number of steps between validations.
    ///
    /// # Errors
    ///
    /// The first key that does not fit.
    pub(crate) fn validate(&self, validation: usize) -> Result<(), String> {
        if !self.every.is_multiple_of(validation) {
            return Err(format!(
                "every = {}: it must be a multiple of train.eval_every = {validation}",
                self.every
            ));
        }
        match [("images", self.images), ("evaluations", self.evaluations)].iter().find(|(_, n)| *n == 0) {
            Some((key, _)) => Err(format!("{key} is 0: it must be at least 1")),
            None => Ok(()),
        }
    }
}

/// An estimate of the variational bound of a few validation images with a network's weights, in bits/dim: with the same
/// noise at the same timesteps every time, so that one step can be compared with another.
///
/// # Errors
///
/// If an image cannot be read, or the network not be evaluated.
pub(crate) fn estimate_bound(
    model: &TrainedModel,
    bound: &VariationalBound,
    config: &RunConfig,
    splits: &Splits,
) -> Result<Option<Stats>, TrainError> {
    let set: &ImageSet = &splits.valid;
    if set.is_empty() {
        return Ok(None);
    }
    let seed = Seed(config.seed);
    let chosen = validation_images(seed, set, config.eval.images);
    let images = set.fixed(&chosen)?;
    let labels = images.labels.filter(|_| model.num_classes.is_some());
    let x0 = Tensor::<4>::from_data(TensorData::new(images.pixels, images.shape), &model.device);
    let denoiser = model.denoiser(labels.as_deref(), 1.0);
    let mut noise = ImageNoise::new(
        seed.derive("eval/bound", 0),
        chosen.iter().map(|&image| image as u64),
        model.image_shape,
        &model.device,
    );
    let mut uniform = seed.stream("eval/timestep", 0);
    let bits = bound.estimate(
        denoiser.as_ref(),
        x0,
        &mut || noise.draw(),
        &mut || uniform.uniform(),
        config.eval.evaluations,
    )?;
    let shape = [bits.len()];
    Ok(Some(Stats::bound(Tensor::from_data(TensorData::new(bits, shape), &model.device))))
}

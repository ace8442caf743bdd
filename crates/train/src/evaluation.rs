use burn::prelude::*;
use data::{HostBatch, Splits};
use diffusion::ImageNoise;
use diffusion::likelihood::VariationalBound;
use random::Seed;
use serde::{Deserialize, Serialize};

use crate::batches::validation_images;
use crate::error::TrainError;
use crate::metrics::Stats;
use crate::{Network, RunConfig, TrainedModel};

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

/// Validation images that an estimate is made of, always the same ones.
pub(crate) struct Chosen {
    /// Their numbers in the set.
    pub(crate) numbers: Vec<usize>,
    /// Values and labels.
    pub(crate) images: HostBatch,
}

impl Chosen {
    /// Those of a run; none where it has no validation images.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    pub(crate) fn of(config: &RunConfig, splits: &Splits) -> Result<Option<Self>, TrainError> {
        if splits.valid.is_empty() {
            return Ok(None);
        }
        let numbers = validation_images(Seed(config.seed), &splits.valid, config.eval.images);
        let images = splits.valid.fixed(&numbers)?;
        Ok(Some(Self { numbers, images }))
    }

    /// The numbers, as noise is drawn by.
    pub(crate) fn streams(&self) -> impl Iterator<Item = u64> + use<'_> {
        self.numbers.iter().map(|&image| image as u64)
    }

    /// An estimate of their variational bound with a network's weights, in bits/dim: with the same noise at the same
    /// timesteps every time, so that one step can be compared with another.
    ///
    /// # Errors
    ///
    /// If the network cannot be evaluated.
    pub(crate) fn estimate_bound<N: Network>(
        &self,
        model: &TrainedModel<N>,
        bound: &VariationalBound,
        config: &RunConfig,
    ) -> Result<Stats, TrainError> {
        let (seed, images) = (Seed(config.seed), &self.images);
        let labels = images.labels.as_deref().filter(|_| model.num_classes.is_some());
        let x0 = TensorData::new(images.pixels.clone(), images.shape);
        let x0 = Tensor::<4>::from_data(x0, &model.device);
        let denoiser = model.denoiser(labels, 1.0);
        let of_bound = seed.derive("eval/bound", 0);
        let mut noise = ImageNoise::new(of_bound, self.streams(), model.image_shape, &model.device);
        let mut uniform = seed.stream("eval/timestep", 0);
        let bits = bound.estimate(
            denoiser.as_ref(),
            x0,
            &mut || noise.draw(),
            &mut || uniform.uniform(),
            config.eval.evaluations,
        )?;
        let shape = [bits.len()];
        Ok(Stats::bound(Tensor::from_data(TensorData::new(bits, shape), &model.device)))
    }
}

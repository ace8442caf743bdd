use std::path::Path;

use autoencoder::AutoencoderConfig;
use data::{DatasetConfig, Splits};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::adversarial::AdversarialConfig;
use super::perceptual::PerceptualConfig;
use crate::TrainConfig;
use crate::error::TrainError;
use crate::resolve::decide;
use crate::system::{SystemConfig, load_config};

/// Everything that decides what a run of an autoencoder learns: its `config.toml`.
///
/// In a config file every key may be left out but `system`, `[dataset]` and `model.latent`; an unknown key is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstStageRunConfig {
    /// Says that this is one.
    pub system: FirstStageName,
    /// The one seed: weights, batches, noise and previews.
    #[serde(default)]
    pub seed: u64,
    /// The images.
    pub dataset: DatasetConfig,
    /// The network.
    pub model: AutoencoderConfig,
    /// What holds the latents together.
    #[serde(default)]
    pub regularization: RegularizationConfig,
    /// Whether reconstructions must look like their images to a network, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perceptual: Option<PerceptualConfig>,
    /// Whether, and from when on, reconstructions must look like images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adversarial: Option<AdversarialConfig>,
    /// How it is trained.
    #[serde(default)]
    pub train: TrainConfig,
}

/// The key `system` of an autoencoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirstStageName {
    /// The first stage of latent diffusion.
    #[serde(rename = "autoencoder")]
    Autoencoder,
}

/// The weights of what holds the latents together, beside a mean absolute error of 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegularizationConfig {
    /// Of the Gaussian's divergence from the standard one: as in the paper, where an image's error and divergence are
    /// sums, so that here both are divided by the values of an image.
    pub kl_weight: f64,
    /// Of the codebook's distance to the latents.
    pub codebook_weight: f64,
    /// Of the latents' distance to the codebook, relative to that (van den Oord et al. 2017, equation 3).
    pub commitment: f64,
    /// Decay of the moving averages of latents that the vectors are, in place of gradients (the same, appendix A.1), such as
    /// 0.99; gradients move them unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codebook_decay: Option<f64>,
    /// Decay of the average use of each vector, by which those that latents no longer choose are put where latents are;
    /// 1 leaves them where they are.
    pub revival_decay: f64,
}

impl Default for RegularizationConfig {
    fn default() -> Self {
        Self {
            kl_weight: 1e-6,
            codebook_weight: 1.0,
            commitment: 0.25,
            codebook_decay: None,
            revival_decay: 0.99,
        }
    }
}

impl FirstStageRunConfig {
    /// Reads the configuration that a run was trained with.
    ///
    /// # Errors
    ///
    /// If there is no run, or its configuration does not parse or fit.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        load_config(path)
    }

    fn validate_weights(&self) -> Result<(), String> {
        let RegularizationConfig { kl_weight, codebook_weight, commitment, codebook_decay, revival_decay } =
            self.regularization;
        if codebook_decay.is_some() && matches!(self.model, AutoencoderConfig::Kl(_)) {
            return Err("codebook_decay: model.latent = \"kl\" has no codebook".into());
        }
        if let Some(decay) = codebook_decay.filter(|decay| !(0.0..1.0).contains(decay)) {
            return Err(format!("codebook_decay = {decay}: it must be at least 0 and below 1"));
        }
        if !(0.0..=1.0).contains(&revival_decay) {
            return Err(format!("revival_decay = {revival_decay}: it must be from 0 to 1"));
        }
        let weights =
            [("kl_weight", kl_weight), ("codebook_weight", codebook_weight), ("commitment", commitment)];
        match weights.into_iter().find(|(_, weight)| !(weight.is_finite() && *weight >= 0.0)) {
            Some((key, weight)) => Err(format!("{key} = {weight}: it must be at least 0")),
            None => Ok(()),
        }
    }
}

impl SystemConfig for FirstStageRunConfig {
    fn seed(&self) -> u64 {
        self.seed
    }

    fn dataset(&self) -> &DatasetConfig {
        &self.dataset
    }

    fn train(&self) -> &TrainConfig {
        &self.train
    }

    fn complete(&self, table: &mut Table, splits: &Splits) -> Result<(), String> {
        // What is computed here takes keys in their ranges for granted.
        self.model.validate().map_err(|error| format!("[model]: {error}"))?;
        let [channels, height, width] = splits.image_shape();
        let factor = self.model.trunk().factor();
        if !height.is_multiple_of(factor) || !width.is_multiple_of(factor) {
            return Err(format!(
                "images are {width}x{height}, which {factor} does not divide: set dataset.pad_to, or fewer levels in \
                 model.trunk.channel_mult"
            ));
        }
        if let (Some(perceptual), Some(Value::Table(section))) =
            (&self.perceptual, table.get_mut("perceptual"))
        {
            let supplied = perceptual.supplied(splits.image_shape())?;
            if !supplied.is_empty() {
                section.insert("weights".into(), supplied.into());
            }
        }
        let Some(Value::Table(model)) = table.get_mut("model") else { return Ok(()) };
        let trunk = model.entry("trunk").or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(trunk) = trunk {
            decide(trunk, "in_channels", Some(channels))?;
            decide(trunk, "out_channels", Some(channels))?;
            // Made of other keys by a rule that may change, which a run must not.
            let groups = self.model.trunk().resolved_norm_groups() as i64;
            trunk.entry("norm_groups").or_insert(Value::Integer(groups));
        }
        Ok(())
    }

    fn validate(&self) -> Result<(), String> {
        self.model.validate().map_err(|error| format!("[model]: {error}"))?;
        self.validate_weights().map_err(|error| format!("[regularization]: {error}"))?;
        if let Some(perceptual) = &self.perceptual {
            perceptual.validate().map_err(|error| format!("[perceptual]: {error}"))?;
        }
        if let Some(adversarial) = &self.adversarial {
            adversarial.validate().map_err(|error| format!("[adversarial]: {error}"))?;
        }
        self.train.refuse_guidance().map_err(|error| format!("[train]: {error}"))?;
        self.train.validate().map_err(|error| format!("[train]: {error}"))
    }

    fn lasting(mut self) -> Self {
        self.train = self.train.lasting();
        self.perceptual = self.perceptual.map(PerceptualConfig::lasting);
        self.dataset.source = DatasetConfig::default().source;
        self
    }
}

use std::path::Path;
use std::sync::Arc;

use data::{DatasetConfig, ImageSet, SourceConfig, Splits};
use diffusion::SamplerConfig;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use unet::UNetConfig;

use super::network::PointNetConfig;
use crate::error::TrainError;
use crate::evaluation::EvalConfig;
use crate::standardize::Standardize;
use crate::system::{SystemConfig, load_config};
use crate::{DiffusionConfig, RunConfig, TrainConfig};

/// Everything that decides what a run of a denoiser of points learns: its `config.toml`.
///
/// In a config file every key may be left out but `system` and `[dataset]`; an unknown key is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointRunConfig {
    /// Says that this is one.
    pub system: PointName,
    /// The one seed: weights, batches, noise and previews.
    #[serde(default)]
    pub seed: u64,
    /// Numbers of a point, which the data decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<usize>,
    /// The data.
    pub dataset: DatasetConfig,
    /// How they are scaled to unit variance; files of points decide it, the rest are as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standardize: Option<Standardize>,
    /// The network.
    #[serde(default)]
    pub model: PointNetConfig,
    /// What the network predicts, and along which chain.
    #[serde(default)]
    pub diffusion: DiffusionConfig,
    /// How it is trained.
    #[serde(default)]
    pub train: TrainConfig,
    /// How previews are drawn, and how `infer` draws unless told otherwise.
    #[serde(default)]
    pub sample: SamplerConfig,
}

/// The key `system` of a denoiser of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PointName {
    /// DDPM and its kin on points.
    Points,
}

impl PointRunConfig {
    /// Reads the configuration that a run was trained with.
    ///
    /// # Errors
    ///
    /// If there is no run, or its configuration does not parse or fit.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        load_config(path)
    }

    /// Points of the data in the scale in which they are learnt.
    pub(super) fn scaled(&self, set: &Arc<ImageSet>) -> Arc<ImageSet> {
        match &self.standardize {
            Some(standardize) => Arc::new(set.with_points(|values| standardize.apply(values, 1, || 0.5))),
            None => set.clone(),
        }
    }

    /// The same as a run of images of one pixel, which have a channel for each number.
    pub fn of_pixels(&self) -> RunConfig {
        let values = self.values.unwrap_or(1);
        let model = UNetConfig {
            image_size: 1,
            in_channels: values,
            out_channels: self.diffusion.variance.output_channels(values),
            channel_mult: vec![1],
            attention_resolutions: Vec::new(),
            ..UNetConfig::default()
        };
        RunConfig {
            seed: self.seed,
            class_names: None,
            empty_classes: Vec::new(),
            dataset: self.dataset.clone(),
            model,
            diffusion: self.diffusion.clone(),
            train: self.train.clone(),
            eval: EvalConfig::default(),
            sample: self.sample.clone(),
        }
    }
}

impl SystemConfig for PointRunConfig {
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
        let [values, height, width] = splits.image_shape();
        if splits.train.holds_pictures() || (height, width) != (1, 1) {
            return Err(
                "[dataset]: system = \"points\" is for points: leave the system out for pictures, and use \
                        system = \"dpm\" for bits"
                    .into(),
            );
        }
        if self.values.is_some_and(|given| given != values) {
            return Err(format!("values is {:?}, but the data say {values}: leave it out", self.values));
        }
        table.insert("values".into(), Value::Integer(values as i64));
        if matches!(self.dataset.source, SourceConfig::Csv(_)) && self.standardize.is_none() {
            let standardize = Standardize::of(&splits.train).map_err(|error| error.to_string())?;
            let value = Value::try_from(standardize).map_err(|error| error.to_string())?;
            table.insert("standardize".into(), value);
        }
        Ok(())
    }

    fn validate(&self) -> Result<(), String> {
        self.model.validate().map_err(|error| format!("[model]: {error}"))?;
        self.train.refuse_classes().map_err(|error| format!("[train]: {error}"))?;
        self.of_pixels().validate()?;
        // The pictures of points show the steps of a chain.
        self.of_pixels().schedule().map_err(|error| error.to_string())?;
        self.standardize.as_ref().map_or(Ok(()), Standardize::validate)
    }

    fn lasting(mut self) -> Self {
        self.train = self.train.lasting();
        self.sample = SamplerConfig::default();
        self.dataset.source = DatasetConfig::default().source;
        self
    }
}

use std::path::Path;

use data::{DatasetConfig, Splits};
use schedules::{Curve, ScheduleConfig};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use unet::{TimeEncoding, UNetConfig};

use crate::TrainConfig;
use crate::error::TrainError;
use crate::objective_config::{ObjectiveConfig, TimestepSampling};
use crate::resolve::{decide, name_classes};
use crate::system::{SystemConfig, load_config};

/// Everything that decides what a run of a classifier of noisy images learns: its `config.toml`.
///
/// In a config file every key may be left out but `system` and `[dataset]`; an unknown key is an error. Keys of `[model]` that
/// the data decide (`image_size`, `in_channels`, and the classes as `out_channels`) are filled in from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierRunConfig {
    /// Says that this is one.
    pub system: ClassifierName,
    /// The one seed: weights, batches, noise and previews.
    #[serde(default)]
    pub seed: u64,
    /// Names of the classes; filled in from data that have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Vec<String>>,
    /// Classes that no training image shows; filled in from the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty_classes: Vec<usize>,
    /// The images.
    pub dataset: DatasetConfig,
    /// The network, of which the way up is left out.
    #[serde(default)]
    pub model: UNetConfig,
    /// The noise that it sees through: that of the models to be guided.
    #[serde(default)]
    pub diffusion: NoiseConfig,
    /// How it is trained.
    #[serde(default)]
    pub train: TrainConfig,
}

/// The key `system` of a classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClassifierName {
    /// A classifier of noisy images.
    #[serde(rename = "classifier")]
    Classifier,
}

/// Which noise the images have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoiseConfig {
    /// As in [`DiffusionConfig`](crate::DiffusionConfig).
    pub num_train_timesteps: usize,
    /// Noise law.
    pub schedule: ScheduleConfig,
}

impl Default for NoiseConfig {
    fn default() -> Self {
        Self { num_train_timesteps: 1000, schedule: ScheduleConfig::default() }
    }
}

impl ClassifierRunConfig {
    /// Reads the configuration that a run was trained with.
    ///
    /// # Errors
    ///
    /// If there is no run, or its configuration does not parse or fit.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        load_config(path)
    }

    /// The law of noise.
    ///
    /// # Errors
    ///
    /// If the schedule is impossible.
    pub fn curve(&self) -> Result<Curve, TrainError> {
        let NoiseConfig { num_train_timesteps, schedule } = &self.diffusion;
        schedule
            .curve(*num_train_timesteps)
            .map_err(|error| TrainError::Config { origin: "[diffusion]".into(), reason: error.to_string() })
    }

    fn validate_train(&self) -> Result<(), String> {
        self.train.refuse_guidance()?;
        let strange = [
            ("objective", self.train.objective != ObjectiveConfig::default()),
            ("timesteps", self.train.timesteps != TimestepSampling::default()),
        ];
        match strange.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(format!("{key}: a classifier learns its classes alone: leave it out")),
            None => self.train.validate(),
        }
    }
}

impl SystemConfig for ClassifierRunConfig {
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
        let [channels, height, width] = splits.image_shape();
        if height != width {
            return Err(format!("images are {width}x{height}: set dataset.image_size or dataset.pad_to"));
        }
        let Some(classes) = splits.num_classes() else {
            return Err("the data have no classes, which a classifier learns: use a labelled data set".into());
        };
        let model = table.entry("model").or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(model) = model {
            for (key, value) in [("image_size", height), ("in_channels", channels), ("out_channels", classes)]
            {
                decide(model, key, Some(value))?;
            }
        }
        name_classes(table, splits, Some(classes));
        Ok(())
    }

    fn validate(&self) -> Result<(), String> {
        self.model.validate().map_err(|error| format!("[model]: {error}"))?;
        if self.model.time_encoding != TimeEncoding::Positional {
            return Err(
                "[model]: time_encoding: a classifier is told the timestep as it is: leave it out".into()
            );
        }
        self.curve().map_err(|error| error.to_string())?;
        self.validate_train().map_err(|error| format!("[train]: {error}"))
    }

    fn lasting(mut self) -> Self {
        self.train = self.train.lasting();
        self.class_names = None;
        self.empty_classes.clear();
        self.dataset.source = DatasetConfig::default().source;
        self
    }
}

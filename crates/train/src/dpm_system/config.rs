use std::path::Path;

use data::{DatasetConfig, SourceConfig, Splits};
use dpm::{ChainConfig, DpmConfig};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::TrainConfig;
use crate::error::TrainError;
use crate::standardize::Standardize;
use crate::system::{SystemConfig, load_config};

/// Everything that decides what a run of a diffusion probabilistic model learns: its `config.toml`.
///
/// In a config file every key may be left out but `system` and `[dataset]`; an unknown key is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DpmRunConfig {
    /// Says that this is one.
    pub system: DpmName,
    /// The one seed: weights, batches, noise and previews.
    #[serde(default)]
    pub seed: u64,
    /// Steps of the chain that a batch looks at, each with an equal share of the states; the paper's is 1.
    #[serde(default = "default_times")]
    pub times_per_batch: usize,
    /// `[C, H, W]` of the data, which decide it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<[usize; 3]>,
    /// The data.
    pub dataset: DatasetConfig,
    /// How they become states of the chain; pictures and files of points decide it, the rest are as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standardize: Option<Standardize>,
    /// The chain and the network.
    #[serde(default)]
    pub dpm: DpmConfig,
    /// How it is trained.
    #[serde(default)]
    pub train: TrainConfig,
}

/// The key `system` of a diffusion probabilistic model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DpmName {
    /// Sohl-Dickstein et al. 2015.
    #[serde(rename = "dpm")]
    Dpm,
}

fn default_times() -> usize {
    16
}

impl DpmRunConfig {
    /// Reads the configuration that a run was trained with.
    ///
    /// # Errors
    ///
    /// If there is no run, or its configuration does not parse or fit.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        load_config(path)
    }

    /// `[C, H, W]` of the data.
    ///
    /// # Errors
    ///
    /// If the configuration has not been completed from the data.
    pub fn state_shape(&self) -> Result<[usize; 3], TrainError> {
        self.shape.ok_or_else(|| TrainError::Config {
            origin: "the configuration".into(),
            reason: "shape is missing: it is written by the training".into(),
        })
    }
}

impl SystemConfig for DpmRunConfig {
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
        let shape = splits.image_shape();
        if self.shape.is_some_and(|given| given != shape) {
            return Err(format!("shape is {:?}, but the data say {shape:?}: leave it out", self.shape));
        }
        table.insert("shape".into(), shape.map(|side| Value::Integer(side as i64)).to_vec().into());
        if matches!(self.dpm.chain, ChainConfig::Binomial { .. }) {
            let first: Vec<usize> = (0..splits.train.len().min(1000)).collect();
            let values = splits.train.fixed(&first).map_err(|error| error.to_string())?.pixels;
            return match values.iter().find(|&&value| value != 0.0 && value != 1.0) {
                Some(value) => {
                    Err(format!("[dpm.chain]: a binomial chain is for 0 and 1, but the data hold {value}"))
                }
                None => Ok(()),
            };
        }
        let by_data = splits.train.holds_pictures() || matches!(self.dataset.source, SourceConfig::Csv(_));
        if by_data && self.standardize.is_none() {
            let standardize = Standardize::of(&splits.train).map_err(|error| error.to_string())?;
            let value = Value::try_from(standardize).map_err(|error| error.to_string())?;
            table.insert("standardize".into(), value);
        }
        Ok(())
    }

    fn validate(&self) -> Result<(), String> {
        self.dpm.validate().map_err(|error| format!("[dpm]: {error}"))?;
        self.train.refuse_guidance().map_err(|error| format!("[train]: {error}"))?;
        self.train.validate().map_err(|error| format!("[train]: {error}"))?;
        if self.times_per_batch == 0 || !self.train.batch_size.is_multiple_of(self.times_per_batch) {
            let size = self.train.batch_size;
            return Err(format!(
                "times_per_batch = {}: it must divide train.batch_size, which is {size}",
                self.times_per_batch
            ));
        }
        self.standardize.as_ref().map_or(Ok(()), Standardize::validate)
    }

    fn lasting(mut self) -> Self {
        self.train = self.train.lasting();
        // Where the data lie may change; what they are is told by their fingerprint.
        self.dataset.source = DatasetConfig::default().source;
        self
    }
}

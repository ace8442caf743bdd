use std::path::Path;

use data::{DatasetConfig, Splits};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json};
use toml::{Table, Value};
use unet::TimeEncoding;

use super::LowResolutionConfig;
use crate::error::TrainError;
use crate::system::{SystemConfig, load_config};
use crate::{RunConfig, TrainConfig};

/// Everything that decides what a super-resolution stage learns: the keys of a [`RunConfig`] and what the stage is
/// shown, `[low_resolution]`.
///
/// `model.in_channels`, which the data decide, counts the noisy and the low-resolution image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SuperResolutionConfig {
    system: &'static str,
    /// What every run has.
    #[serde(flatten)]
    pub run: RunConfig,
    /// What the network is shown.
    pub low_resolution: LowResolutionConfig,
}

/// The key `system` of a super-resolution stage.
pub(crate) const SUPER_RESOLUTION: &str = "super-resolution";

impl SuperResolutionConfig {
    /// Reads the configuration that a stage was trained with.
    ///
    /// # Errors
    ///
    /// If there is none, or it does not parse or fit.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        load_config(path)
    }
}

// serde cannot refuse unknown keys of a flattened struct, so the keys are parted by hand.
impl<'de> Deserialize<'de> for SuperResolutionConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Map::<String, Json>::deserialize(deserializer)?;
        let system = table.remove("system");
        if system.as_ref().and_then(Json::as_str) != Some(SUPER_RESOLUTION) {
            return Err(D::Error::custom(format!("system: a stage of a cascade has \"{SUPER_RESOLUTION}\"")));
        }
        let low = table.remove("low_resolution").unwrap_or_else(|| Json::Object(Map::new()));
        let in_low = |error| D::Error::custom(format!("[low_resolution]: {error}"));
        Ok(Self {
            system: SUPER_RESOLUTION,
            run: serde_json::from_value(Json::Object(table)).map_err(D::Error::custom)?,
            low_resolution: serde_json::from_value(low).map_err(in_low)?,
        })
    }
}

impl SystemConfig for SuperResolutionConfig {
    fn seed(&self) -> u64 {
        self.run.seed
    }

    fn dataset(&self) -> &DatasetConfig {
        &self.run.dataset
    }

    fn train(&self) -> &TrainConfig {
        &self.run.train
    }

    fn complete(&self, table: &mut Table, splits: &Splits) -> Result<(), String> {
        let channels = 2 * splits.image_shape()[0] as i64;
        let key = "in_channels";
        let given = table.get_mut("model").and_then(Value::as_table_mut).and_then(|model| model.remove(key));
        if let Some(given) = given.filter(|given| given.as_integer() != Some(channels)) {
            return Err(format!(
                "model.in_channels is {given}, but the noisy and the low-resolution image have {channels}: leave it out"
            ));
        }
        self.run.complete(table, splits)?;
        if let Some(model) = table.get_mut("model").and_then(Value::as_table_mut) {
            model.insert(key.into(), Value::Integer(channels));
        }
        Ok(())
    }

    fn validate(&self) -> Result<(), String> {
        self.run.validate()?;
        let (model, low) = (&self.run.model, &self.low_resolution);
        low.validate(model.image_size).map_err(|reason| format!("[low_resolution]: {reason}"))?;
        let channels = 2 * self.run.image_channels();
        if model.in_channels != channels {
            return Err(format!(
                "[model]: in_channels = {}: the noisy and the low-resolution image have {channels}",
                model.in_channels
            ));
        }
        if model.time_encoding != TimeEncoding::Positional {
            return Err(
                "[model]: time_encoding: a super-resolution stage is told numbers beside the timestep: \
                        leave it out"
                    .into(),
            );
        }
        Ok(())
    }

    fn lasting(mut self) -> Self {
        self.run = self.run.lasting();
        let free = LowResolutionConfig::default();
        self.low_resolution =
            LowResolutionConfig { level: free.level, truncated: free.truncated, ..self.low_resolution };
        self
    }
}

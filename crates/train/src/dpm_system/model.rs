use std::path::Path;

use burn::prelude::*;
use burn::store::ModuleRecord;
use dpm::Dpm;

use super::config::DpmRunConfig;
use super::system::DpmSystem;
use crate::Trainee;
use crate::error::TrainError;
use crate::system::System;

/// A trained diffusion probabilistic model with all that sampling from it needs.
#[derive(Debug)]
pub struct TrainedDpm {
    /// The model.
    pub net: Dpm,
    /// What it was trained with.
    pub config: DpmRunConfig,
    /// `[C, H, W]` of its data.
    pub shape: [usize; 3],
    /// Where it is.
    pub device: Device,
}

impl TrainedDpm {
    /// Wraps a model made by `config`, on its device.
    ///
    /// # Errors
    ///
    /// If the configuration is incomplete.
    pub fn new(net: Dpm, config: &DpmRunConfig, device: &Device) -> Result<Self, TrainError> {
        Ok(Self { net, shape: config.state_shape()?, config: config.clone(), device: device.clone() })
    }

    /// Reads averaged weights: a run's `ema.bpk`, or the folder of one of its checkpoints.
    ///
    /// # Errors
    ///
    /// If a file is missing, damaged, or of another model.
    pub fn load(weights: &Path, config: &DpmRunConfig, device: &Device) -> Result<Self, TrainError> {
        let file = if weights.is_dir() { weights.join("model.bpk") } else { weights.to_path_buf() };
        let failed = |reason: String| TrainError::Weights { path: file.clone(), reason };
        let net = DpmSystem::init(config, device)?;
        let record = ModuleRecord::load(&file).map_err(|error| failed(error.to_string()))?;
        let net = if weights.is_dir() {
            let trainee = Trainee::new(net, DpmSystem::new(config)?, 0);
            trainee.try_load_record(record).map(|trainee| trainee.ema)
        } else {
            net.try_load_record(record)
        };
        Self::new(net.map_err(|error| failed(error.to_string()))?, config, device)
    }

    /// States as data, in `[C, H, W]` each, one after the other.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn data(&self, states: Tensor<3>) -> Result<Vec<f32>, TrainError> {
        let mut values =
            states.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))?;
        if let Some(standardize) = &self.config.standardize {
            standardize.undo(&mut values, self.shape[1] * self.shape[2]);
        }
        Ok(values)
    }
}

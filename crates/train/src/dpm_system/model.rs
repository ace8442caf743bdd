use burn::prelude::*;
use dpm::Dpm;

use super::config::DpmRunConfig;
use super::system::DpmSystem;
use crate::Weights;
use crate::error::TrainError;

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

    /// The model with averaged weights that were read.
    ///
    /// # Errors
    ///
    /// If they are those of another model.
    pub fn load(weights: &Weights, config: &DpmRunConfig, device: &Device) -> Result<Self, TrainError> {
        Self::new(weights.averaged::<DpmSystem>(config, device)?, config, device)
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

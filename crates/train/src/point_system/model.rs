use burn::prelude::*;
use schedules::Schedule;

use super::config::PointRunConfig;
use super::network::PointNet;
use super::system::PointSystem;
use crate::error::TrainError;
use crate::{TrainedModel, Weights};

/// A trained denoiser of points with all that sampling from it needs.
#[derive(Debug)]
pub struct TrainedPoints {
    /// The denoiser, of images of one pixel.
    pub model: TrainedModel<PointNet>,
    /// What it was trained with.
    pub config: PointRunConfig,
    /// The chain, whose steps its pictures show.
    pub chain: Schedule,
}

impl TrainedPoints {
    /// Wraps a network made by `config`, on its device.
    ///
    /// # Errors
    ///
    /// If the configuration's schedule is impossible.
    pub fn new(net: PointNet, config: &PointRunConfig, device: &Device) -> Result<Self, TrainError> {
        let run = config.of_pixels();
        let (model, chain) = (TrainedModel::new(net, &run, device)?, run.schedule()?);
        // Points know no range.
        Ok(Self { model: TrainedModel { clip_x0: false, ..model }, config: config.clone(), chain })
    }

    /// The model with averaged weights that were read.
    ///
    /// # Errors
    ///
    /// If they are those of another model.
    pub fn load(weights: &Weights, config: &PointRunConfig, device: &Device) -> Result<Self, TrainError> {
        Self::new(weights.averaged::<PointSystem>(config, device)?, config, device)
    }

    /// Numbers of a point.
    pub fn values(&self) -> usize {
        self.model.image_shape[0]
    }
}

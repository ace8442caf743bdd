use std::path::Path;

use burn::prelude::*;
use burn::store::ModuleRecord;
use schedules::Schedule;

use super::config::PointRunConfig;
use super::network::PointNet;
use super::system::PointSystem;
use crate::error::TrainError;
use crate::system::System;
use crate::{TrainedModel, Trainee};

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

    /// Reads averaged weights: a run's `ema.bpk`, or the folder of one of its checkpoints.
    ///
    /// # Errors
    ///
    /// If a file is missing, damaged, or of another model.
    pub fn load(weights: &Path, config: &PointRunConfig, device: &Device) -> Result<Self, TrainError> {
        let file = if weights.is_dir() { weights.join("model.bpk") } else { weights.to_path_buf() };
        let failed = |reason: String| TrainError::Weights { path: file.clone(), reason };
        let net = PointSystem::init(config, device)?;
        let record = ModuleRecord::load(&file).map_err(|error| failed(error.to_string()))?;
        let net = if weights.is_dir() {
            let trainee = Trainee::new(net, PointSystem::new(config)?, 0);
            trainee.try_load_record(record).map(|trainee| trainee.ema)
        } else {
            net.try_load_record(record)
        };
        Self::new(net.map_err(|error| failed(error.to_string()))?, config, device)
    }

    /// Numbers of a point.
    pub fn values(&self) -> usize {
        self.model.image_shape[0]
    }
}

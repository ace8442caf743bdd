use std::path::Path;

use burn::prelude::*;
use burn::store::ModuleRecord;
use diffusion::{ClassifierFree, Denoiser, LimitX0, NetworkDenoiser, Parameterization};
use schedules::{NoiseLevel, Schedule};
use unet::UNet;

use crate::error::TrainError;
use crate::{Objective, RunConfig, Trainee};

/// A trained network with all that sampling from it needs.
#[derive(Debug)]
pub struct TrainedModel {
    /// The network.
    pub net: UNet,
    /// The chain it was trained on.
    pub schedule: Schedule,
    /// What it predicts.
    pub parameterization: Parameterization,
    /// Its number of classes.
    pub num_classes: Option<usize>,
    /// `[C, H, W]` of its images.
    pub image_shape: [usize; 3],
    /// Where it is.
    pub device: Device,
}

impl TrainedModel {
    /// Wraps a network made by `config`, on its device.
    ///
    /// # Errors
    ///
    /// If the configuration's schedule is impossible.
    pub fn new(net: UNet, config: &RunConfig, device: &Device) -> Result<Self, TrainError> {
        let schedule = config.schedule()?;
        let side = config.model.image_size;
        Ok(Self {
            net,
            schedule,
            parameterization: config.diffusion.parameterization,
            num_classes: config.model.num_classes,
            image_shape: [config.model.in_channels, side, side],
            device: device.clone(),
        })
    }

    /// Reads averaged weights: a run's `ema.bpk`, or the folder of one of its checkpoints.
    ///
    /// # Errors
    ///
    /// If a file is missing, damaged, or of another network.
    pub fn load(weights: &Path, config: &RunConfig, device: &Device) -> Result<Self, TrainError> {
        let file = if weights.is_dir() { weights.join("model.bpk") } else { weights.to_path_buf() };
        let failed = |reason: String| TrainError::Weights { path: file.clone(), reason };
        let net = config.model.init(device, config.seed).map_err(|error| failed(error.to_string()))?;
        let record = ModuleRecord::load(&file).map_err(|error| failed(error.to_string()))?;
        let net = if weights.is_dir() {
            let trainee = Trainee::new(net, Objective::new(config)?, 0);
            trainee.try_load_record(record).map(|trainee| trainee.ema)
        } else {
            net.try_load_record(record)
        };
        Self::new(net.map_err(|error| failed(error.to_string()))?, config, device)
    }

    /// The denoiser for images of the given classes, clipped to the range of the data.
    ///
    /// A `guidance_scale` of 1 uses the conditional network alone; others cost a second evaluation a step.
    pub fn denoiser(&self, labels: Option<&[usize]>, guidance_scale: f64) -> Box<dyn Denoiser + '_> {
        let Some((labels, null)) = labels.zip(self.num_classes) else {
            return Box::new(LimitX0::clip(self.network(None)));
        };
        let conditional = self.network(Some(labels));
        if guidance_scale == 1.0 {
            return Box::new(LimitX0::clip(conditional));
        }
        let unconditional = self.network(Some(&vec![null; labels.len()]));
        let guided = ClassifierFree { conditional, unconditional, scale: guidance_scale, rescale: 0.0 };
        Box::new(LimitX0::clip(guided))
    }

    /// The bare network as a denoiser, for images of the given classes.
    fn network(&self, labels: Option<&[usize]>) -> impl Denoiser + '_ {
        let labels = labels.map(|labels| self.upload(labels));
        NetworkDenoiser {
            net: move |x: Tensor<4>, timestep: f64| {
                let timesteps = Tensor::<1>::full([x.dims()[0]], timestep, &x.device());
                self.net.forward(x, timesteps, labels.clone())
            },
            timestep: |level: NoiseLevel| self.schedule.timestep(level),
            parameterization: self.parameterization,
            variance: None,
        }
    }

    fn upload(&self, labels: &[usize]) -> Tensor<1, Int> {
        let values: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
        Tensor::from_data(TensorData::new(values, [labels.len()]), &self.device)
    }
}

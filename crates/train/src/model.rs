use std::path::Path;

use burn::prelude::*;
use burn::store::ModuleRecord;
use diffusion::{ClassifierFree, ClipX0, Denoiser, NetworkDenoiser, Parameterization};
use schedules::Schedule;
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
    /// Their names, where the data had them.
    pub class_names: Option<Vec<String>>,
    /// `[C, H, W]` of its images.
    pub image_shape: [usize; 3],
    /// Whether predicted clean images are clipped to the range of the data.
    pub clip_x0: bool,
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
            class_names: config.class_names.clone(),
            image_shape: [config.model.in_channels, side, side],
            clip_x0: true,
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

    /// The denoiser for images of the given classes, clipped to the range of the data where the model is.
    ///
    /// A `guidance_scale` of 1 uses the conditional network alone; others cost a second evaluation a step. A network
    /// without a null class cannot be guided.
    pub fn denoiser(&self, labels: Option<&[usize]>, guidance_scale: f64) -> Box<dyn Denoiser + '_> {
        let network = |labels: Option<Vec<usize>>| NetworkDenoiser {
            net: &self.net,
            schedule: &self.schedule,
            parameterization: self.parameterization,
            labels: labels.map(|labels| self.upload(&labels)),
        };
        let Some(labels) = labels.filter(|_| self.num_classes.is_some()) else {
            return self.clipped(network(None));
        };
        let conditional = network(Some(labels.to_vec()));
        match self.net.null_class() {
            Some(null) if guidance_scale != 1.0 => {
                let unconditional = network(Some(vec![null; labels.len()]));
                self.clipped(ClassifierFree { conditional, unconditional, scale: guidance_scale })
            }
            _ => self.clipped(conditional),
        }
    }

    fn clipped<'a>(&self, denoiser: impl Denoiser + 'a) -> Box<dyn Denoiser + 'a> {
        if self.clip_x0 { Box::new(ClipX0(denoiser)) } else { Box::new(denoiser) }
    }

    fn upload(&self, labels: &[usize]) -> Tensor<1, Int> {
        let values: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
        Tensor::from_data(TensorData::new(values, [labels.len()]), &self.device)
    }
}

use std::path::Path;

use burn::prelude::*;
use burn::store::ModuleRecord;
use diffusion::{
    ClassifierFree, Denoiser, Limit, LimitX0, NetworkDenoiser, Parameterization, VarianceOutput,
};
use schedules::{NoiseLevel, Schedule};
use unet::UNet;

use crate::error::TrainError;
use crate::{Network, Objective, RunConfig, Trainee};

/// A trained network with all that sampling from it needs.
#[derive(Debug)]
pub struct TrainedModel<N = UNet> {
    /// The network.
    pub net: N,
    /// The chain it was trained on.
    pub schedule: Schedule,
    /// What it predicts.
    pub parameterization: Parameterization,
    /// What the second half of its output channels means, if there is one.
    pub variance: Option<VarianceOutput>,
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

impl<N> TrainedModel<N> {
    /// Wraps a network made by `config`, on its device.
    ///
    /// # Errors
    ///
    /// If the configuration's schedule is impossible.
    pub fn new(net: N, config: &RunConfig, device: &Device) -> Result<Self, TrainError> {
        let schedule = config.schedule()?;
        let side = config.model.image_size;
        Ok(Self {
            net,
            schedule,
            parameterization: config.diffusion.parameterization,
            variance: config.diffusion.variance.output(),
            num_classes: config.model.num_classes,
            class_names: config.class_names.clone(),
            image_shape: [config.image_channels(), side, side],
            clip_x0: true,
            device: device.clone(),
        })
    }
}

impl TrainedModel {
    /// Reads averaged weights: a run's `ema.bpk`, or the folder of one of its checkpoints.
    ///
    /// # Errors
    ///
    /// If a file is missing, damaged, or of another network.
    pub fn load(weights: &Path, config: &RunConfig, device: &Device) -> Result<Self, TrainError> {
        if weights.is_dir() {
            return Self::new(read_trainee(weights, config, device)?.ema, config, device);
        }
        let failed = |reason: String| TrainError::Weights { path: weights.to_path_buf(), reason };
        let net = config.model.init(device, config.seed).map_err(|error| failed(error.to_string()))?;
        let record = ModuleRecord::load(weights).map_err(|error| failed(error.to_string()))?;
        let net = net.try_load_record(record).map_err(|error| failed(error.to_string()))?;
        Self::new(net, config, device)
    }

    /// Reads the weights that gradients moved, not their average, from the folder of a checkpoint.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_raw(checkpoint: &Path, config: &RunConfig, device: &Device) -> Result<Self, TrainError> {
        Self::new(read_trainee(checkpoint, config, device)?.net, config, device)
    }
}

impl<N: Network> TrainedModel<N> {
    /// The denoiser for images of the given classes, clipped to the range of the data where the model is.
    ///
    /// A `guidance_scale` of 1 uses the conditional network alone; others cost a second evaluation a step. A network
    /// without a null class cannot be guided.
    pub fn denoiser(&self, labels: Option<&[usize]>, guidance_scale: f64) -> Box<dyn Denoiser + '_> {
        let limit = self.clip_x0.then_some(Limit::Clip { range: 1.0 });
        self.denoiser_within(limit, labels, guidance_scale)
    }

    /// As [`denoiser`](Self::denoiser), with its clean images limited otherwise.
    pub fn denoiser_within(
        &self,
        limit: Option<Limit>,
        labels: Option<&[usize]>,
        guidance_scale: f64,
    ) -> Box<dyn Denoiser + '_> {
        let conditional = self.network(self.answer(labels));
        let batch = labels.map_or(0, <[usize]>::len);
        match self.unconditional_answer(batch).filter(|_| labels.is_some() && guidance_scale != 1.0) {
            Some(answer) => {
                let unconditional = self.network(answer);
                limited(
                    ClassifierFree {
                        conditional,
                        unconditional,
                        scale: guidance_scale,
                        rescale: 0.0,
                        rescaled: self.parameterization,
                    },
                    limit,
                )
            }
            None => limited(conditional, limit),
        }
    }

    /// The denoiser for images of the given classes as the network has it, which has a gradient everywhere.
    pub fn unclipped(&self, labels: Option<&[usize]>) -> Box<dyn Denoiser + '_> {
        self.denoiser_within(None, labels, 1.0)
    }

    /// A denoiser that asks a bare network.
    fn network<'a>(&'a self, net: impl Fn(Tensor<4>, f64) -> Tensor<4> + 'a) -> impl Denoiser + 'a {
        NetworkDenoiser {
            net,
            timestep: |level: NoiseLevel| self.schedule.timestep(level),
            parameterization: self.parameterization,
            variance: self.variance,
        }
    }

    /// The bare network, for images of the given classes: its output for images `[B, C, H, W]`, all at one timestep.
    pub fn answer<'a>(
        &'a self,
        labels: Option<&[usize]>,
    ) -> impl Fn(Tensor<4>, f64) -> Tensor<4> + use<'a, N> {
        let labels = labels.filter(|_| self.num_classes.is_some()).map(|labels| self.upload(labels));
        move |x, timestep| {
            let timesteps = Tensor::<1>::full([x.dims()[0]], timestep, &x.device());
            self.net.predict(x, timesteps, labels.clone())
        }
    }

    /// The bare network with the images' classes hidden, for guidance; none where it has not learnt without them.
    pub fn unconditional_answer(&self, batch: usize) -> Option<impl Fn(Tensor<4>, f64) -> Tensor<4> + '_> {
        self.net.null_class().map(|null| self.answer(Some(&vec![null; batch])))
    }

    fn upload(&self, labels: &[usize]) -> Tensor<1, Int> {
        let values: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
        Tensor::from_data(TensorData::new(values, [labels.len()]), &self.device)
    }
}

fn limited<'a>(inner: impl Denoiser + 'a, limit: Option<Limit>) -> Box<dyn Denoiser + 'a> {
    match limit {
        Some(limit) => Box::new(LimitX0 { inner, limit, keep_eps: false }),
        None => Box::new(inner),
    }
}

fn read_trainee(
    checkpoint: &Path,
    config: &RunConfig,
    device: &Device,
) -> Result<Trainee<Objective>, TrainError> {
    let file = checkpoint.join("model.bpk");
    let failed = |reason: String| TrainError::Weights { path: file.clone(), reason };
    let net = config.model.init(device, config.seed).map_err(|error| failed(error.to_string()))?;
    let record = ModuleRecord::load(&file).map_err(|error| failed(error.to_string()))?;
    let trainee = Trainee::new(net, Objective::new(config)?, 0);
    trainee.try_load_record(record).map_err(|error| failed(error.to_string()))
}

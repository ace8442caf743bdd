use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::module::{Module, list_param_ids};
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::prelude::*;
use burn::train::{InferenceStep, TrainOutput, TrainStep};
use diffusion::{Levels, Parameterization, per_image_loss, q_sample, target_weights};
use schedules::{NoiseLevel, Schedule, Weighting};
use unet::UNet;

use crate::RunConfig;
use crate::batches::Batch;
use crate::ema::{ema_decay_at, ema_update, frozen_copy, number_params};
use crate::error::TrainError;
use crate::metrics::Stats;

/// What is minimised.
#[derive(Clone, Debug)]
pub struct Objective {
    /// The chain.
    pub schedule: Schedule,
    /// What the network predicts.
    pub parameterization: Parameterization,
    /// Weight of each level's loss.
    pub weighting: Weighting,
    /// Decay of the averaged weights.
    pub ema_decay: f64,
    /// Batches whose losses are averaged for one optimizer step.
    pub grad_accumulation: usize,
}

impl Objective {
    /// That of a run.
    ///
    /// # Errors
    ///
    /// If the schedule is impossible.
    pub fn new(config: &RunConfig) -> Result<Self, TrainError> {
        Ok(Self {
            schedule: config.schedule()?,
            parameterization: config.diffusion.parameterization,
            weighting: config.train.weighting,
            ema_decay: config.train.ema_decay,
            grad_accumulation: config.train.grad_accumulation,
        })
    }

    /// The squared error of each image, `[B]` (Ho et al. 2020, algorithm 1, without the sum).
    fn losses(&self, net: &UNet, batch: &Batch) -> (Tensor<1>, Vec<NoiseLevel>) {
        let levels: Vec<_> = batch.timesteps.iter().map(|&t| self.schedule.level(t)).collect();
        let device = batch.x0.device();
        // The network's own coordinate, in which samplers give it their images too.
        let native: Vec<_> = levels.iter().map(|&level| self.parameterization.input(level).1).collect();
        let uploaded = Levels::new(&native, &device);
        let x = q_sample(batch.x0.clone(), batch.eps.clone(), &uploaded);
        let t: Vec<f32> = batch.timesteps.iter().map(|&t| t as f32).collect();
        let t = Tensor::from_data(TensorData::new(t, [levels.len()]), &device);
        let output = net.forward(x, t, batch.labels.clone());
        let target = self.parameterization.target(batch.x0.clone(), batch.eps.clone(), &uploaded);
        (per_image_loss(output, target), levels)
    }
}

/// The network, its moving average and what they are trained for, as burn-train sees them.
#[derive(Module, Debug)]
pub struct Trainee {
    /// The network that gradients move.
    pub net: UNet,
    /// The average of its weights, which is validated and sampled from.
    pub ema: UNet,
    #[module(skip)]
    objective: Arc<Objective>,
    #[module(skip)]
    step: Arc<AtomicU64>,
}

impl Trainee {
    /// Starts the average at the network itself; `step` is the number of optimizer steps behind us.
    pub fn new(net: UNet, objective: Objective, step: u64) -> Self {
        let net = number_params(net, 1);
        let ema = number_params(frozen_copy(&net), 1 + list_param_ids(&net).len() as u64);
        Self { net, ema, objective: Arc::new(objective), step: Arc::new(AtomicU64::new(step)) }
    }
}

impl TrainStep for Trainee {
    type Input = Batch;
    type Output = Stats;

    fn step(&self, batch: Batch) -> TrainOutput<Stats> {
        let objective = &self.objective;
        let (losses, levels) = objective.losses(&self.net, &batch);
        let weights = target_weights(
            objective.weighting,
            objective.parameterization,
            &levels,
            &losses.device().inner(),
        );
        let loss = (losses.clone() * weights).mean() / objective.grad_accumulation as f64;
        let gradients = loss.backward();
        TrainOutput::new(self, gradients, Stats::new(losses, batch.timesteps, levels_in(objective)))
    }

    fn optimize(self, optim: &mut ModuleOptimizer, lr: ModuleLearningRate, grads: GradientsParams) -> Self {
        let mut trainee = optim.step(lr, self, grads);
        let step = trainee.step.fetch_add(1, Ordering::Relaxed);
        let decay = ema_decay_at(step, trainee.objective.ema_decay);
        trainee.ema = ema_update(trainee.ema, &trainee.net, decay);
        trainee
    }
}

impl InferenceStep for Trainee {
    type Input = Batch;
    type Output = Stats;

    fn step(&self, batch: Batch) -> Stats {
        let (losses, _) = self.objective.losses(&self.ema, &batch);
        Stats::new(losses, batch.timesteps, levels_in(&self.objective))
    }
}

fn levels_in(objective: &Objective) -> usize {
    objective.schedule.num_train_timesteps()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Tolerance;

    /// Dropout would make the validation loss, and with it the choice of the best checkpoint, a matter of chance.
    #[test]
    fn validation_has_no_dropout() {
        let text = "[dataset]\ntype = \"digits\"\n[model]\nimage_size = 8\nin_channels = 1\nout_channels = 1\n\
                    channels = 8\nchannel_mult = [1]\nattention_resolutions = [8]\ndropout = 0.5";
        let config: RunConfig = toml::from_str(text).unwrap();
        let device = Device::flex();
        let net = config.model.init(&device.clone().autodiff(), 1).unwrap();
        let mut trainee = Trainee::new(net, Objective::new(&config).unwrap(), 0);
        // The network starts at zero; a few steps make dropout matter.
        let batch = || {
            let image = |value: f64| Tensor::<4>::full([2, 1, 8, 8], value, &device);
            Batch { x0: image(0.5), eps: image(-0.5), timesteps: vec![10, 900], labels: None }
        };
        let mut optim = burn::optim::AdamWConfig::new().init();
        for _ in 0..3 {
            let output = TrainStep::step(&trainee, batch());
            trainee = trainee.optimize(&mut optim, 0.1.into(), output.grads);
        }
        let losses = |trainee: &Trainee| {
            let (losses, _) = trainee.objective.losses(&trainee.ema, &batch());
            losses.inner().into_data()
        };
        let valid = trainee.valid();
        losses(&valid).assert_approx_eq::<f32>(&losses(&valid), Tolerance::absolute(0.0));
        assert_ne!(losses(&trainee), losses(&trainee), "the test would see dropout");
    }
}

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use burn::module::{Module, Param, ParamId, list_param_ids};
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::prelude::*;
use burn::train::{InferenceStep, TrainOutput, TrainStep};

use crate::ema::{ema_decay_at, ema_update, frozen_copy, number_params};
use crate::metrics::Stats;
use crate::system::System;

/// The network, its moving average and what they are trained for, as burn-train sees them.
#[derive(Module, Debug)]
pub struct Trainee<S: System> {
    /// The network that gradients move.
    pub net: S::Net,
    /// The average of its weights, which is validated and sampled from.
    pub ema: S::Net,
    /// What the system remembers, as it is saved.
    memory: Option<Param<Tensor<1>>>,
    #[module(skip)]
    recalled: Arc<OnceLock<()>>,
    #[module(skip)]
    system: Arc<S>,
    #[module(skip)]
    step: Arc<AtomicU64>,
}

impl<S: System> Trainee<S> {
    /// Starts the average at the network itself; `step` is the number of optimizer steps behind us.
    pub fn new(net: S::Net, system: S, step: u64) -> Self {
        let net = number_params(net, 1);
        let ema = number_params(frozen_copy(&net), 1 + list_param_ids(&net).len() as u64);
        let id = 1 + list_param_ids(&net).len() + list_param_ids(&ema).len();
        let device = net.devices().into_iter().next().unwrap_or_default();
        let memory = system.memory().map(|values| {
            let memory = Param::initialized(ParamId::from(id as u64), upload(values, &device));
            memory.set_require_grad(false)
        });
        let (system, step) = (Arc::new(system), Arc::new(AtomicU64::new(step)));
        Self { net, ema, memory, recalled: Arc::default(), system, step }
    }

    /// What they are trained for.
    pub(crate) fn system(&self) -> &S {
        &self.system
    }

    /// Gives the system what it remembered when the weights were saved.
    fn recall(&self) {
        let saved = self.memory.as_ref().map(|memory| memory.val().without_autodiff());
        if let Some(Ok(values)) = saved.map(|saved| saved.try_into_vec_as::<f32>()) {
            self.system.recall(&values);
        }
    }
}

impl<S: System> TrainStep for Trainee<S> {
    type Input = S::Batch;
    type Output = Stats;

    fn step(&self, batch: S::Batch) -> TrainOutput<Stats> {
        self.recalled.get_or_init(|| self.recall());
        let (grads, item) = self.system.gradients(&self.net, batch);
        TrainOutput { grads, item }
    }

    fn optimize(self, optim: &mut ModuleOptimizer, lr: ModuleLearningRate, grads: GradientsParams) -> Self {
        let mut trainee = optim.step(lr, self, grads);
        trainee.net = trainee.system.after_step(trainee.net);
        let step = trainee.step.fetch_add(1, Ordering::Relaxed);
        let decay = ema_decay_at(step, trainee.system.ema_decay());
        trainee.ema = ema_update(trainee.ema, &trainee.net, decay);
        let (memory, now) = (trainee.memory.take(), trainee.system.memory());
        trainee.memory = memory
            .zip(now)
            .map(|(memory, now)| memory.map(|old| upload(now, &old.device()).set_require_grad(false)));
        trainee
    }
}

fn upload(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), device)
}

impl<S: System> InferenceStep for Trainee<S> {
    type Input = S::Batch;
    type Output = Stats;

    fn step(&self, batch: S::Batch) -> Stats {
        self.system.measure(&self.ema, batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Objective, RunConfig};
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
            Batch {
                x0: image(0.5),
                eps: image(-0.5),
                timesteps: vec![10, 900],
                quantiles: Vec::new(),
                labels: None,
            }
        };
        let mut optim = burn::optim::AdamWConfig::new().init();
        for _ in 0..3 {
            let output = TrainStep::step(&trainee, batch());
            trainee = trainee.optimize(&mut optim, 0.1.into(), output.grads);
        }
        let losses = |trainee: &Trainee<Objective>| {
            let losses = trainee.system.squared_errors(&trainee.ema, &batch());
            losses.inner().into_data()
        };
        let valid = trainee.valid();
        losses(&valid).assert_approx_eq::<f32>(&losses(&valid), Tolerance::absolute(0.0));
        assert_ne!(losses(&trainee), losses(&trainee), "the test would see dropout");
    }
}

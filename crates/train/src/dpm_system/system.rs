use burn::optim::GradientsParams;
use burn::prelude::*;
use data::{Batches, Picture, Splits};
use dpm::{Dpm, Reverse};
use random::Seed;
use schedules::Schedule;

use super::batches::{DpmBatch, Noising};
use super::bound::Measured;
use super::config::DpmRunConfig;
use super::limit::limit_bits;
use super::model::TrainedDpm;
use super::picture::draw_preview;
use crate::error::TrainError;
use crate::metrics::{Stats, StepMetric};
use crate::record::Measure;
use crate::system::{Loaders, System};

/// A diffusion probabilistic model as it is trained: on the bound K, of which the loss is the negative in bits.
#[derive(Clone, Debug)]
pub struct DpmSystem {
    length: usize,
    ema_decay: f64,
    grad_accumulation: usize,
}

impl System for DpmSystem {
    type Config = DpmRunConfig;
    type Net = Dpm;
    type Batch = DpmBatch;

    fn new(config: &DpmRunConfig) -> Result<Self, TrainError> {
        let train = &config.train;
        Ok(Self {
            length: config.dpm.num_train_timesteps,
            ema_decay: train.ema_decay,
            grad_accumulation: train.grad_accumulation,
        })
    }

    fn init(config: &DpmRunConfig, device: &Device) -> Result<Dpm, TrainError> {
        let net = config.dpm.init(config.state_shape()?, config.seed, device);
        net.map_err(|error| TrainError::Config { origin: "[dpm]".into(), reason: error.to_string() })
    }

    fn kept_values(config: &DpmRunConfig, image: [usize; 3]) -> f64 {
        config.dpm.network.kept_values(image)
    }

    fn loaders(
        config: &DpmRunConfig,
        splits: &Splits,
        device: &Device,
        step: usize,
    ) -> Result<Loaders<DpmBatch>, TrainError> {
        let (train, seed) = (&config.train, Seed(config.seed));
        let noising = Noising {
            seed,
            length: config.dpm.num_train_timesteps,
            groups: config.times_per_batch,
            uniform: matches!(config.dpm.chain, dpm::ChainConfig::Binomial { .. }),
            standardize: config.standardize.clone(),
        };
        let valid = noising.valid_batches(&splits.valid, train.eval_images, train.batch_size)?;
        let batches = Batches::new(splits.train.clone(), train.batch_size, seed)?;
        let prepare = move |index| Ok(noising.train(batches.batch(index)?, index));
        Ok(Loaders::new(train, step, device, prepare, valid))
    }

    fn gradients(&self, net: &Dpm, batch: DpmBatch) -> (GradientsParams, Stats) {
        let losses = self.losses(net, &batch);
        let gradients = (losses.clone().mean() / self.grad_accumulation as f64).backward();
        (GradientsParams::from_grads(gradients, net), self.stats(losses, &batch))
    }

    fn measure(&self, net: &Dpm, batch: DpmBatch) -> Stats {
        self.stats(self.losses(net, &batch), &batch)
    }

    fn ema_decay(&self) -> f64 {
        self.ema_decay
    }

    fn metrics() -> Vec<StepMetric> {
        vec![StepMetric::loss()]
    }

    fn preview(
        &self,
        net: Dpm,
        config: &DpmRunConfig,
        _: &Splits,
        device: &Device,
    ) -> Result<Picture, TrainError> {
        draw_preview(&TrainedDpm::new(net, config, device)?)
    }

    fn results(
        net: &Dpm,
        config: &DpmRunConfig,
        splits: &Splits,
        device: &Device,
    ) -> Result<Vec<Measure>, TrainError> {
        let set = if splits.valid.is_empty() { &splits.train } else { &splits.valid };
        let measured = Measured::of(net, config, set, config.train.eval_images, device)?;
        let [_, height, width] = set.image_shape();
        let pixels = set.holds_pictures().then_some(height * width);
        let mut results = measured.bounds.measures(pixels);
        let source = &config.dataset.source;
        let limit = limit_bits(source, net.chain(), &schedule(net)?);
        results.extend(limit.map(|value| Measure {
            name: "limit of the chain".into(),
            value,
            stderr: 0.0,
            unit: "bits".into(),
        }));
        results.extend(measured.bounds.against_the_law(source, &measured.states));
        Ok(results)
    }
}

/// The chain's noise as it was learnt.
fn schedule(net: &Dpm) -> Result<Schedule, TrainError> {
    let Some(betas) = net.learned_betas() else { return Ok(net.chain().schedule().clone()) };
    let betas = betas.try_into_vec_as::<f64>().map_err(|error| TrainError::Device(error.to_string()))?;
    let schedule = Schedule::from_betas(betas);
    schedule.map_err(|error| TrainError::Config { origin: "[dpm]".into(), reason: error.to_string() })
}

impl DpmSystem {
    /// `-K` of each state in bits, `[G N]`.
    fn losses(&self, net: &Dpm, batch: &DpmBatch) -> Tensor<1> {
        let bound = net.bound(batch.x0.clone(), batch.noise.clone(), &batch.steps);
        let [groups, states, _] = bound.dims();
        bound.reshape([groups * states]) * (-1.0 / std::f64::consts::LN_2)
    }

    fn stats(&self, losses: Tensor<1>, batch: &DpmBatch) -> Stats {
        let states = batch.x0.dims()[1];
        let timesteps = batch.steps.iter().flat_map(|&t| vec![t - 1; states]).collect();
        Stats::new(losses, timesteps, self.length)
    }
}

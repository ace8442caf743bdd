use burn::optim::GradientsParams;
use burn::prelude::*;
use data::{Batches, Picture, Splits};
use random::Seed;
use unet::UNet;

use super::batches::{LatentBatch, Telling};
use super::config::LatentRunConfig;
use super::encode::encode;
use super::first_stage::tokenizer;
use super::model::TrainedLatent;
use super::network::{LatentNet, Told};
use super::preview::draw_preview;
use crate::batches::Noising;
use crate::error::TrainError;
use crate::metrics::{Stats, StepMetric};
use crate::system::{Loaders, System};
use crate::{Objective, RunDir};

/// Latent diffusion as it is trained: on the objective of pixels, for latents.
#[derive(Clone, Debug)]
pub struct LatentSystem(Objective);

impl System for LatentSystem {
    type Config = LatentRunConfig;
    type Net = LatentNet;
    type Batch = LatentBatch;

    fn new(config: &LatentRunConfig) -> Result<Self, TrainError> {
        Ok(Self(Objective::new(&config.of_latents())?))
    }

    fn prepare(
        config: LatentRunConfig,
        splits: Splits,
        start: Option<&LatentRunConfig>,
        run: &RunDir,
        device: &Device,
    ) -> Result<(LatentRunConfig, Splits), TrainError> {
        let (config, splits) = encode(config, splits, start, run, device)?;
        if let Some(text) = &config.text {
            tokenizer(text, &splits).write(&run.words())?;
        }
        Ok((config, splits))
    }

    fn init(config: &LatentRunConfig, device: &Device) -> Result<LatentNet, TrainError> {
        LatentNet::new(config, device)
    }

    fn loaders(
        config: &LatentRunConfig,
        splits: &Splits,
        device: &Device,
        step: usize,
    ) -> Result<Loaders<LatentBatch>, TrainError> {
        let (train, seed) = (&config.train, Seed(config.seed));
        let noising = Noising {
            seed,
            num_train_timesteps: config.diffusion.num_train_timesteps,
            num_classes: config.model.num_classes,
            cond_drop_prob: train.cond_drop_prob,
        };
        let telling =
            Telling { noising, tokenizer: config.text.as_ref().map(|text| tokenizer(text, splits)) };
        let valid = telling.valid_batches(&splits.valid, train.eval_images, train.batch_size)?;
        let set = splits.train.clone();
        let batches = Batches::new(set.clone(), train.batch_size, seed)?;
        let prepare =
            move |index| Ok(telling.train(&set, &batches.indices(index), batches.batch(index)?, index));
        Ok(Loaders::new(train, step, device, prepare, valid))
    }

    fn gradients(&self, net: &LatentNet, batch: LatentBatch) -> (GradientsParams, Stats) {
        let loss = self.0.loss(&told(net, &batch), &batch.images);
        let gradients = (loss.total / self.0.grad_accumulation as f64).backward();
        (GradientsParams::from_grads(gradients, net), self.0.stats(loss.squared, loss.timesteps))
    }

    fn measure(&self, net: &LatentNet, batch: LatentBatch) -> Stats {
        let squared = self.0.squared_errors(&told(net, &batch), &batch.images);
        self.0.stats(squared, batch.images.timesteps)
    }

    fn ema_decay(&self) -> f64 {
        self.0.ema_decay
    }

    fn memory(&self) -> Option<Vec<f32>> {
        self.0.memory()
    }

    fn recall(&self, memory: &[f32]) {
        self.0.recall(memory);
    }

    fn metrics() -> Vec<StepMetric> {
        Objective::metrics()
    }

    fn preview(
        net: LatentNet,
        config: &LatentRunConfig,
        splits: &Splits,
        device: &Device,
    ) -> Result<Picture, TrainError> {
        let words = config.text.as_ref().map(|text| tokenizer(text, splits));
        draw_preview(TrainedLatent::new(net, config.clone(), words, device)?, splits)
    }
}

/// The network with the captions of a batch.
fn told<'a>(net: &'a LatentNet, batch: &LatentBatch) -> Told<&'a UNet> {
    let texts = batch.captions.clone().and_then(|[ids, mask]| net.encoded(ids, mask));
    Told { unet: &net.unet, texts }
}

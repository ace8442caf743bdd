use std::sync::Arc;

use burn::optim::GradientsParams;
use burn::prelude::*;
use data::{Batches, Picture, Splits, write_atomically};
use layout::TextReader;
use random::Seed;
use unet::UNet;

use super::batches::{LatentBatch, Telling};
use super::captions::{CaptionTokenizer, words};
use super::config::LatentRunConfig;
use super::encode::encode;
use super::first_stage::FrozenFirstStage;
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
pub struct LatentSystem {
    objective: Objective,
    /// What encodes captions, where it is not trained.
    reader: Option<Arc<TextReader>>,
    /// What encodes the images that the network is shown, and decodes previews; there once the system is equipped.
    first_stage: Option<Arc<FrozenFirstStage>>,
}

impl System for LatentSystem {
    type Config = LatentRunConfig;
    type Net = LatentNet;
    type Batch = LatentBatch;

    fn new(config: &LatentRunConfig) -> Result<Self, TrainError> {
        Ok(Self { objective: Objective::new(&config.of_latents())?, reader: None, first_stage: None })
    }

    fn equipped(self, config: &LatentRunConfig, _run: &RunDir, device: &Device) -> Result<Self, TrainError> {
        let reader = match &config.text {
            Some(text) => text.pretrained(device)?,
            None => None,
        };
        // Previews are decoded by it also where the network is shown nothing: a run that goes on does not change it.
        let first_stage = Some(Arc::new(FrozenFirstStage::load(config, device)?));
        Ok(Self { reader, first_stage, ..self })
    }

    fn prepare(
        config: LatentRunConfig,
        splits: Splits,
        start: Option<&LatentRunConfig>,
        run: &RunDir,
        device: &Device,
    ) -> Result<(LatentRunConfig, Splits), TrainError> {
        let (config, splits) = encode(config, splits, start, run, device)?;
        if let Some(text) = config.text.as_ref().filter(|text| text.model.is_none()) {
            let words = words(text, &splits);
            write_atomically(&run.words(), |file| words.write(file))?;
        }
        Ok((config, splits))
    }

    fn init(config: &LatentRunConfig, device: &Device) -> Result<LatentNet, TrainError> {
        LatentNet::new(config, device)
    }

    fn kept_values(config: &LatentRunConfig, _: [usize; 3]) -> f64 {
        config.model.kept_values()
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
        let tokenizer = config.text.as_ref().map(|text| CaptionTokenizer::new(text, splits)).transpose()?;
        let phrases = config.text.as_ref().map(|text| text.phrases).unwrap_or_default();
        let telling = Telling { noising, tokenizer, phrases, concat: config.concat };
        let valid = telling.valid_batches(&splits.valid, train.eval_images, train.batch_size)?;
        let set = splits.train.clone();
        let batches = Batches::new(set.clone(), train.batch_size, seed)?;
        let pictures = set.pictures().filter(|_| config.concat.is_some());
        let pictures = pictures.map(|set| Batches::new(set.clone(), train.batch_size, seed)).transpose()?;
        let prepare = move |index| telling.train(&batches, &set, pictures.as_ref(), index);
        Ok(Loaders::new(train, step, device, prepare, valid))
    }

    fn gradients(&self, net: &LatentNet, batch: LatentBatch) -> (GradientsParams, Stats) {
        let objective = &self.objective;
        let loss = objective.loss(&self.told(net, &batch), &batch.images);
        let gradients = (loss.total / objective.grad_accumulation as f64).backward();
        (GradientsParams::from_grads(gradients, net), objective.stats(loss.squared, loss.timesteps))
    }

    fn measure(&self, net: &LatentNet, batch: LatentBatch) -> Stats {
        let squared = self.objective.squared_errors(&self.told(net, &batch), &batch.images);
        self.objective.stats(squared, batch.images.timesteps)
    }

    fn ema_decay(&self) -> f64 {
        self.objective.ema_decay
    }

    fn memory(&self) -> Option<Vec<f32>> {
        self.objective.memory()
    }

    fn recall(&self, memory: &[f32]) {
        self.objective.recall(memory);
    }

    fn metrics() -> Vec<StepMetric> {
        Objective::metrics()
    }

    fn preview(
        &self,
        net: LatentNet,
        config: &LatentRunConfig,
        splits: &Splits,
        device: &Device,
    ) -> Result<Picture, TrainError> {
        let tokenizer = config.text.as_ref().map(|text| CaptionTokenizer::new(text, splits)).transpose()?;
        let trained = match &self.first_stage {
            Some(stage) => TrainedLatent::with(stage.untracked(), net, config.clone(), tokenizer, device)?,
            None => TrainedLatent::new(net, config.clone(), tokenizer, device)?,
        };
        draw_preview(trained, splits)
    }
}

impl LatentSystem {
    /// The network with the captions of a batch, and what it is shown beside.
    fn told<'a>(&self, net: &'a LatentNet, batch: &LatentBatch) -> Told<&'a UNet> {
        let captions = batch.captions.clone();
        let texts = captions.and_then(|[ids, mask]| net.encoded(ids, mask, self.reader.as_deref()));
        let stage = self.first_stage.as_deref();
        let beside = batch.shown.clone().zip(stage).map(|(shown, stage)| shown.encoded(stage));
        Told { unet: &net.unet, texts, beside }
    }
}

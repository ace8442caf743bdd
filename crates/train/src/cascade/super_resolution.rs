use burn::optim::GradientsParams;
use burn::prelude::*;
use data::{Batches, Picture, Splits};
use random::Seed;
use unet::SuperResolutionUNet;

use super::low_resolution::LowResolution;
use super::preparation::{ShownNoising, SuperResolutionBatch};
use super::preview::draw_preview;
use super::{SuperResolutionConfig, SuperResolutionModel};
use crate::Objective;
use crate::batches::Noising;
use crate::error::TrainError;
use crate::evaluation::Chosen;
use crate::metrics::{Stats, StepMetric};
use crate::network::Shown;
use crate::system::{Loaders, System};

/// A super-resolution stage of a cascade as a [`System`]: what an [`Objective`] minimises, of a network that is shown a
/// low-resolution image.
#[derive(Clone, Debug)]
pub struct SuperResolution(Objective);

impl System for SuperResolution {
    type Config = SuperResolutionConfig;
    type Net = SuperResolutionUNet;
    type Batch = SuperResolutionBatch;

    fn new(config: &SuperResolutionConfig) -> Result<Self, TrainError> {
        Ok(Self(Objective::new(&config.run)?))
    }

    fn init(config: &SuperResolutionConfig, device: &Device) -> Result<SuperResolutionUNet, TrainError> {
        let net = config.run.model.init_super_resolution(device, config.run.seed);
        net.map_err(|error| TrainError::Config { origin: "[model]".into(), reason: error.to_string() })
    }

    fn kept_values(config: &SuperResolutionConfig, _: [usize; 3]) -> f64 {
        config.run.model.kept_values()
    }

    fn loaders(
        config: &SuperResolutionConfig,
        splits: &Splits,
        device: &Device,
        step: usize,
    ) -> Result<Loaders<SuperResolutionBatch>, TrainError> {
        let low = LowResolution::new(&config.low_resolution, config.run.model.image_size);
        let low = low.map_err(|reason| TrainError::Config { origin: "[low_resolution]".into(), reason })?;
        let (train, seed) = (&config.run.train, Seed(config.run.seed));
        let noising = ShownNoising { noising: Noising::of(&config.run), low };
        let valid = noising.valid_batches(&splits.valid, train.eval_images, train.batch_size)?;
        let batches = Batches::new(splits.train.clone(), train.batch_size, seed)?;
        let prepare = move |index| Ok(noising.train(batches.batch(index)?, index));
        Ok(Loaders::new(train, step, device, prepare, valid))
    }

    fn gradients(&self, net: &SuperResolutionUNet, batch: SuperResolutionBatch) -> (GradientsParams, Stats) {
        let SuperResolutionBatch { images, low, levels } = batch;
        let loss = self.0.loss(&Shown { net, low, levels }, &images);
        let gradients = (loss.total / self.0.grad_accumulation as f64).backward();
        (GradientsParams::from_grads(gradients, net), self.0.stats(loss.squared, loss.timesteps))
    }

    fn measure(&self, net: &SuperResolutionUNet, batch: SuperResolutionBatch) -> Stats {
        let SuperResolutionBatch { images, low, levels } = batch;
        let losses = self.0.squared_errors(&Shown { net, low, levels }, &images);
        self.0.stats(losses, images.timesteps)
    }

    fn ema_decay(&self) -> f64 {
        self.0.ema_decay
    }

    fn metrics() -> Vec<StepMetric> {
        Objective::metrics()
    }

    fn memory(&self) -> Option<Vec<f32>> {
        self.0.memory()
    }

    fn recall(&self, memory: &[f32]) {
        self.0.recall(memory);
    }

    fn evaluate(
        net: SuperResolutionUNet,
        config: &SuperResolutionConfig,
        splits: &Splits,
        device: &Device,
        step: usize,
    ) -> Result<Option<Stats>, TrainError> {
        let run = &config.run;
        if !run.eval.due(step) {
            return Ok(None);
        }
        let Some(chosen) = Chosen::of(run, splits)? else { return Ok(None) };
        let Some(bound) = Objective::new(run)?.bound else { return Ok(None) };
        let s = config.low_resolution.level;
        let model = SuperResolutionModel::new(net, config, device)?;
        let low = model.augmented(model.low.reduce(&chosen.images.pixels), s, run.seed, chosen.streams())?;
        chosen.estimate_bound(&model.shown(&low, s)?, &bound, run).map(Some)
    }

    fn evaluation_metrics(config: &SuperResolutionConfig) -> Vec<StepMetric> {
        Objective::evaluation_metrics(&config.run)
    }

    fn preview(
        &self,
        net: SuperResolutionUNet,
        config: &SuperResolutionConfig,
        splits: &Splits,
        device: &Device,
    ) -> Result<Picture, TrainError> {
        draw_preview(&SuperResolutionModel::new(net, config, device)?, splits)
    }
}

use std::ops::ControlFlow;

use burn::optim::GradientsParams;
use burn::prelude::*;
use data::{Batches, Picture, Splits};
use diffusion::likelihood::{Support, VariationalBound};
use random::Seed;

use super::bound::point_bounds;
use super::config::PointRunConfig;
use super::model::TrainedPoints;
use super::network::PointNet;
use super::picture::{PointWalk, draw_points};
use crate::batches::Noising;
use crate::error::TrainError;
use crate::metrics::{Stats, StepMetric};
use crate::record::Measure;
use crate::system::{Loaders, System};
use crate::{Batch, Objective};

/// A denoiser of points as it is trained: on the objective of pixels, with a bound on a density.
#[derive(Clone, Debug)]
pub struct PointSystem(Objective);

impl System for PointSystem {
    type Config = PointRunConfig;
    type Net = PointNet;
    type Batch = Batch;

    fn new(config: &PointRunConfig) -> Result<Self, TrainError> {
        let objective = Objective::new(&config.of_pixels())?;
        let bound = objective.bound.map(|bound| VariationalBound { support: Support::Continuous, ..bound });
        Ok(Self(Objective { bound, ..objective }))
    }

    fn init(config: &PointRunConfig, device: &Device) -> Result<PointNet, TrainError> {
        let pixels = config.of_pixels().model;
        Ok(config.model.init([pixels.in_channels, pixels.out_channels], config.seed, device))
    }

    fn kept_values(config: &PointRunConfig, _: [usize; 3]) -> f64 {
        config.model.kept_values()
    }

    fn loaders(
        config: &PointRunConfig,
        splits: &Splits,
        device: &Device,
        step: usize,
    ) -> Result<Loaders<Batch>, TrainError> {
        let (train, seed) = (&config.train, Seed(config.seed));
        let noising = Noising::of(&config.of_pixels());
        let valid = config.scaled(&splits.valid);
        let valid = noising.valid_batches(&valid, train.eval_images, train.batch_size)?;
        let batches = Batches::new(config.scaled(&splits.train), train.batch_size, seed)?;
        let prepare = move |index| Ok(noising.train(batches.batch(index)?, index));
        Ok(Loaders::new(train, step, device, prepare, valid))
    }

    fn gradients(&self, net: &PointNet, batch: Batch) -> (GradientsParams, Stats) {
        let loss = self.0.loss(net, &batch);
        let gradients = (loss.total / self.0.grad_accumulation as f64).backward();
        (GradientsParams::from_grads(gradients, net), self.0.stats(loss.squared, loss.timesteps))
    }

    fn measure(&self, net: &PointNet, batch: Batch) -> Stats {
        self.0.stats(self.0.squared_errors(net, &batch), batch.timesteps)
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

    fn preview(
        &self,
        net: PointNet,
        config: &PointRunConfig,
        _: &Splits,
        device: &Device,
    ) -> Result<Picture, TrainError> {
        let trained = TrainedPoints::new(net, config, device)?;
        let count = config.train.sample_images;
        let go_on = &mut || ControlFlow::Continue(());
        let walk = PointWalk::draw(&trained, &config.sample, config.seed, count, go_on)?;
        draw_points(&trained, &walk, config.seed)
    }

    fn results(
        net: &PointNet,
        config: &PointRunConfig,
        splits: &Splits,
        device: &Device,
    ) -> Result<Vec<Measure>, TrainError> {
        let set = if splits.valid.is_empty() { &splits.train } else { &splits.valid };
        let trained = TrainedPoints::new(net.clone(), config, device)?;
        let Some(bound) = Self::new(config)?.0.bound else { return Ok(Vec::new()) };
        let (points, bounds) = point_bounds(&trained, &bound, &config.scaled(set), config.train.eval_images)?;
        let mut results = bounds.measures(None);
        results.extend(bounds.against_the_law(&config.dataset.source, &points));
        Ok(results)
    }
}

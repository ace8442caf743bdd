//! DDPM and its kin as a [`System`]: a UNet that is trained on the squared error of what it predicts.

use burn::optim::GradientsParams;
use burn::prelude::*;
use data::{Batches, Picture, Splits};
use random::Seed;
use unet::UNet;

use crate::batches::Noising;
use crate::error::TrainError;
use crate::evaluation::Chosen;
use crate::metrics::{Stats, StepMetric};
use crate::preview::draw_preview;
use crate::system::{Loaders, System};
use crate::{Batch, LossHistory, Objective, RunConfig, TrainedModel};

impl System for Objective {
    type Config = RunConfig;
    type Net = UNet;
    type Batch = Batch;

    fn new(config: &RunConfig) -> Result<Self, TrainError> {
        Self::new(config)
    }

    fn init(config: &RunConfig, device: &Device) -> Result<UNet, TrainError> {
        let net = config.model.init(device, config.seed);
        net.map_err(|error| TrainError::Config { origin: "[model]".into(), reason: error.to_string() })
    }

    fn kept_values(config: &RunConfig, _: [usize; 3]) -> f64 {
        config.model.kept_values()
    }

    fn loaders(
        config: &RunConfig,
        splits: &Splits,
        device: &Device,
        step: usize,
    ) -> Result<Loaders<Batch>, TrainError> {
        let (train, seed) = (&config.train, Seed(config.seed));
        let noising = Noising::of(config);
        let valid = noising.valid_batches(&splits.valid, train.eval_images, train.batch_size)?;
        let batches = Batches::new(splits.train.clone(), train.batch_size, seed)?;
        let prepare = move |index| Ok(noising.train(batches.batch(index)?, index));
        Ok(Loaders::new(train, step, device, prepare, valid))
    }

    fn gradients(&self, net: &UNet, batch: Batch) -> (GradientsParams, Stats) {
        let loss = self.loss(net, &batch);
        let gradients = (loss.total / self.grad_accumulation as f64).backward();
        (GradientsParams::from_grads(gradients, net), self.stats(loss.squared, loss.timesteps))
    }

    fn measure(&self, net: &UNet, batch: Batch) -> Stats {
        self.stats(self.squared_errors(net, &batch), batch.timesteps)
    }

    fn ema_decay(&self) -> f64 {
        self.ema_decay
    }

    fn metrics() -> Vec<StepMetric> {
        let mut metrics = vec![StepMetric::loss()];
        metrics.extend(StepMetric::quarters());
        metrics
    }

    fn memory(&self) -> Option<Vec<f32>> {
        self.history.as_deref().map(LossHistory::values)
    }

    fn recall(&self, memory: &[f32]) {
        if let Some(history) = self.history.as_deref() {
            history.restore(memory);
        }
    }

    fn evaluate(
        net: UNet,
        config: &RunConfig,
        splits: &Splits,
        device: &Device,
        step: usize,
    ) -> Result<Option<Stats>, TrainError> {
        if !config.eval.due(step) {
            return Ok(None);
        }
        let Some(chosen) = Chosen::of(config, splits)? else { return Ok(None) };
        let Some(bound) = Self::new(config)?.bound else { return Ok(None) };
        chosen.estimate_bound(&TrainedModel::new(net, config, device)?, &bound, config).map(Some)
    }

    fn evaluation_metrics(config: &RunConfig) -> Vec<StepMetric> {
        if config.eval.every > 0 { vec![StepMetric::bound()] } else { Vec::new() }
    }

    fn preview(
        &self,
        net: UNet,
        config: &RunConfig,
        _: &Splits,
        device: &Device,
    ) -> Result<Picture, TrainError> {
        draw_preview(&TrainedModel::new(net, config, device)?, config)
    }
}

impl Objective {
    pub(crate) fn stats(&self, losses: Tensor<1>, timesteps: Vec<usize>) -> Stats {
        Stats::new(losses, timesteps, self.num_train_timesteps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parity::jittered;
    use burn::tensor::Tolerance;

    fn gradients(device: &Device) -> Vec<TensorData> {
        let text = "[dataset]\ntype = \"digits\"\n[model]\nimage_size = 8\nin_channels = 1\nout_channels = 1\n\
                    channels = 8\nchannel_mult = [1, 2]\nattention_resolutions = [4]\nhead_channels = 4\nnorm_groups = 4";
        let config: RunConfig = toml::from_str(text).unwrap();
        let net = jittered(config.model.init(device, 1).unwrap());
        let image = |index| {
            let values = Seed(1).stream("test", index).normal(3 * 64);
            Tensor::<4>::from_data(TensorData::new(values, [3, 1, 8, 8]), &device.clone().inner())
        };
        let (x0, eps) = (image(0), image(1));
        let batch = Batch { x0, eps, timesteps: vec![5, 400, 900], quantiles: Vec::new(), labels: None };
        let objective = Objective::new(&config).unwrap();
        let (gradients, _) = System::gradients(&objective, &net, batch);
        struct Read(GradientsParams, Vec<TensorData>);
        impl burn::module::ModuleVisitor for Read {
            fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
                self.1.extend(self.0.get::<D>(param.id).map(Tensor::into_data));
            }
        }
        let mut read = Read(gradients, Vec::new());
        net.visit(&mut read);
        read.1
    }

    /// Sums of gradients are taken in another order.
    #[test]
    fn computing_again_changes_no_gradient() {
        let device = Device::flex().autodiff();
        let (kept, again) = (gradients(&device), gradients(&device.clone().gradient_checkpointing()));
        assert_eq!(kept.len(), again.len());
        assert!(kept.len() > 100 && kept != again, "not all alike: something was computed again");
        for (kept, again) in kept.iter().zip(&again) {
            kept.assert_approx_eq::<f32>(again, Tolerance::rel_abs(1e-4, 1e-6));
        }
    }
}

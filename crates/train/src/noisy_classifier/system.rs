use std::path::Path;

use burn::optim::GradientsParams;
use burn::prelude::*;
use burn::tensor::activation::log_softmax;
use data::{Batches, Picture, Splits};
use diffusion::{Levels, Parameterization, q_sample};
use random::Seed;
use schedules::Curve;
use unet::NoisyClassifier;

use super::config::ClassifierRunConfig;
use super::preview::draw_preview;
use crate::Batch;
use crate::batches::Noising;
use crate::error::TrainError;
use crate::metrics::{Stats, StepMetric};
use crate::system::{Loaders, System};
use crate::training_levels::training_levels;

/// A classifier as it is trained: on the cross-entropy of noisy images, at every level of a law of noise.
#[derive(Clone, Debug)]
pub struct ClassifierSystem {
    curve: Curve,
    num_train_timesteps: usize,
    ema_decay: f64,
    grad_accumulation: usize,
}

const ACCURACY: &str = "Accuracy";
/// Of a quarter of the levels, the least noisy first.
const QUARTERS: [&str; 4] =
    ["Accuracy t 0-25%", "Accuracy t 25-50%", "Accuracy t 50-75%", "Accuracy t 75-100%"];

/// The coordinate of the noisy images: unit variance, whatever the law.
pub(super) const COORDINATE: Parameterization = Parameterization::V;

impl System for ClassifierSystem {
    type Config = ClassifierRunConfig;
    type Net = NoisyClassifier;
    type Batch = Batch;

    fn new(config: &ClassifierRunConfig) -> Result<Self, TrainError> {
        Ok(Self {
            curve: config.curve()?,
            num_train_timesteps: config.diffusion.num_train_timesteps,
            ema_decay: config.train.ema_decay,
            grad_accumulation: config.train.grad_accumulation,
        })
    }

    fn init(config: &ClassifierRunConfig, device: &Device) -> Result<NoisyClassifier, TrainError> {
        let net = config.model.init_classifier(device, config.seed);
        net.map_err(|error| TrainError::Config { origin: "[model]".into(), reason: error.to_string() })
    }

    /// The way down is less than half of the whole.
    fn kept_values(config: &ClassifierRunConfig, _: [usize; 3]) -> f64 {
        config.model.kept_values() / 2.0
    }

    fn loaders(
        config: &ClassifierRunConfig,
        splits: &Splits,
        device: &Device,
        step: usize,
    ) -> Result<Loaders<Batch>, TrainError> {
        let (train, seed) = (&config.train, Seed(config.seed));
        let noising = Noising {
            seed,
            num_train_timesteps: config.diffusion.num_train_timesteps,
            num_classes: Some(config.model.out_channels),
            cond_drop_prob: 0.0,
        };
        let valid = noising.valid_batches(&splits.valid, train.eval_images, train.batch_size)?;
        let batches = Batches::new(splits.train.clone(), train.batch_size, seed)?;
        let prepare = move |index| Ok(noising.train(batches.batch(index)?, index));
        Ok(Loaders::new(train, step, device, prepare, valid))
    }

    fn gradients(&self, net: &NoisyClassifier, batch: Batch) -> (GradientsParams, Stats) {
        let answer = self.answer(net, &batch);
        let gradients = (answer.losses.clone().mean() / self.grad_accumulation as f64).backward();
        (GradientsParams::from_grads(gradients, net), self.stats(answer, batch.timesteps))
    }

    fn measure(&self, net: &NoisyClassifier, batch: Batch) -> Stats {
        self.stats(self.answer(net, &batch), batch.timesteps)
    }

    fn ema_decay(&self) -> f64 {
        self.ema_decay
    }

    fn metrics() -> Vec<StepMetric> {
        let named = |name| StepMetric::named(name, Some("%")).higher_is_better();
        [ACCURACY].into_iter().chain(QUARTERS).map(named).fold(vec![StepMetric::loss()], |mut all, metric| {
            all.push(metric);
            all
        })
    }

    fn preview(
        &self,
        net: NoisyClassifier,
        config: &ClassifierRunConfig,
        splits: &Splits,
        device: &Device,
    ) -> Result<Picture, TrainError> {
        draw_preview(&net, config, splits, device)
    }

    fn next_command(run: &Path) -> String {
        format!(
            "guide a model with it: cargo run -p infer -- --run RUN --classifier {}",
            terminal::quoted(run.display())
        )
    }
}

/// What a classifier makes of a batch.
struct Answer {
    /// Cross-entropy of each image, `[B]`.
    losses: Tensor<1>,
    /// 100 for each image whose class is found, else 0, `[B]`.
    found: Tensor<1>,
}

impl ClassifierSystem {
    fn answer(&self, net: &NoisyClassifier, batch: &Batch) -> Answer {
        let device = batch.x0.device();
        let (levels, told) =
            training_levels(&self.curve, self.num_train_timesteps, false, &batch.timesteps, &batch.quantiles);
        let levels: Vec<_> = levels.into_iter().map(|level| COORDINATE.input(level).1).collect();
        let x = q_sample(batch.x0.clone(), batch.eps.clone(), &Levels::new(&levels, &device));
        let t = Tensor::from_data(TensorData::new(told, [levels.len()]), &device);
        let log_probabilities = log_softmax(net.forward(x, t), 1);
        let labels = batch.labels.clone().unwrap_or_else(|| Tensor::zeros([levels.len()], &device));
        let images = levels.len();
        let losses =
            -log_probabilities.clone().gather(1, labels.clone().reshape([images, 1])).reshape([images]);
        let guessed: Tensor<1, Int> = log_probabilities.argmax(1).reshape([images]);
        Answer { losses, found: guessed.equal(labels).float() * 100.0 }
    }

    fn stats(&self, answer: Answer, timesteps: Vec<usize>) -> Stats {
        let Answer { losses, found } = answer;
        let quarter = |&timestep: &usize| 4 * timestep / self.num_train_timesteps;
        let quarters: Vec<usize> = timesteps.iter().map(quarter).collect();
        let device = found.device();
        let stats = Stats::new(losses, timesteps, self.num_train_timesteps).with(ACCURACY, found.clone());
        QUARTERS.iter().enumerate().fold(stats, |stats, (index, name)| {
            let own = quarters.iter().enumerate().filter(|(_, quarter)| **quarter == index);
            let own: Vec<i64> = own.map(|(image, _)| image as i64).collect();
            if own.is_empty() {
                return stats;
            }
            let shape = [own.len()];
            let own = Tensor::<1, Int>::from_data(TensorData::new(own, shape), &device);
            stats.with(name, found.clone().select(0, own))
        })
    }
}

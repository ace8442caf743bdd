use std::ops::ControlFlow;
use std::time::Instant;

use burn::data::dataloader::DataLoader;
use burn::module::Module;
use burn::train::Learner;
use diffusion::ImageNoise;

use crate::checkpoint::{CheckpointWriter, Checkpoints};
use crate::error::TrainError;
use crate::session::{Session, learning_rate, optimizer};
use crate::{TrainedModel, Trainee};

/// What a configuration costs on a device: medians over repetitions, after one that is not counted.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Parameters of the network.
    pub parameters: usize,
    /// Seconds of one optimizer step, all its batches included.
    pub step: f64,
    /// Training images a second.
    pub images_per_second: f64,
    /// Seconds to draw the images of a preview.
    pub sample: f64,
    /// How many images that is.
    pub sample_images: usize,
    /// Most resident memory of the process in MiB while training, where the system tells.
    pub memory_mib: Option<f64>,
}

impl Session {
    /// Measures training steps and one preview; writes nothing.
    ///
    /// # Errors
    ///
    /// If the device does not work, or the data cannot be read.
    pub fn bench(&self, repetitions: usize) -> Result<Bench, TrainError> {
        let device = backend::open(self.backend, self.device_index)?;
        let autodiff = device.clone().autodiff();
        let train = &self.config.train;
        let (loader, _) = self.loaders(&device, 0)?;
        let mut learner = Learner::new(self.trainee(&autodiff, 0)?, optimizer(train), learning_rate(train)?);
        let parameters = learner.model().net.num_params();
        let checkpoints = Checkpoints::new(self.run.checkpoints(), 1);
        let strategy = self.strategy(&autodiff, CheckpointWriter::new(checkpoints, self.meta()), 0.0);
        let mut batches = loader.iter();
        let mut seconds = Vec::new();
        let mut memory_mib: Option<f64> = None;
        for step in 0..=repetitions {
            let started = Instant::now();
            let stats = strategy.step(&mut learner, &mut batches, step, &self.interrupter);
            if stats.is_none() {
                return Err(TrainError::Training("the data ran out".into()));
            }
            device.sync().map_err(|error| TrainError::Training(error.to_string()))?;
            seconds.push(started.elapsed().as_secs_f64());
            let now = memory_stats::memory_stats().map(|stats| stats.physical_mem as f64 / 1024.0 / 1024.0);
            memory_mib = memory_mib.into_iter().chain(now).reduce(f64::max);
        }
        let step = median(seconds.split_off(1));
        Ok(Bench {
            parameters,
            step,
            images_per_second: (train.batch_size * train.grad_accumulation) as f64 / step,
            sample: self.bench_sampling(&learner.model(), repetitions.min(3))?,
            sample_images: train.sample_images,
            memory_mib,
        })
    }

    fn bench_sampling(&self, trainee: &Trainee, repetitions: usize) -> Result<f64, TrainError> {
        let device = backend::open(self.backend, self.device_index)?;
        let model = TrainedModel::new(trainee.ema.valid(), &self.config, &device)?;
        let images = self.config.train.sample_images;
        let labels: Option<Vec<usize>> =
            model.num_classes.map(|classes| (0..images).map(|i| i % classes).collect());
        let denoiser = model.denoiser(labels.as_deref(), self.config.train.sample_guidance_scale);
        let levels = self
            .config
            .sample
            .levels(&model.schedule)
            .map_err(|error| TrainError::Config { origin: "[sample]".into(), reason: error.to_string() })?;
        let mut seconds = Vec::new();
        for _ in 0..=repetitions {
            let started = Instant::now();
            let mut noise = ImageNoise::new(self.config.seed, 0..images as u64, model.image_shape, &device);
            let mut quiet = |_: diffusion::Step| ControlFlow::Continue(());
            let x = self.config.sample.draw(denoiser.as_ref(), &levels, &mut noise, &mut quiet)?;
            x.try_into_vec_as::<f32>().map_err(|error| TrainError::Training(error.to_string()))?;
            seconds.push(started.elapsed().as_secs_f64());
        }
        Ok(median(seconds.split_off(1)))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

use std::time::Instant;

use burn::module::Module;
use burn::prelude::*;
use burn::train::Learner;

use crate::checkpoint::Checkpoints;
use crate::checkpoint_writer::CheckpointWriter;
use crate::error::TrainError;
use crate::metrics::memory_mib;
use crate::session::Session;
use crate::system::{System, SystemConfig};
use crate::trainee::Trainee;

/// What a configuration costs on a device: medians over repetitions, after one that is not counted.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Parameters of the network.
    pub parameters: usize,
    /// Seconds of one optimizer step, all its batches included.
    pub step: f64,
    /// Training images a second.
    pub images_per_second: f64,
    /// Billions of operations a second while training: forward, and backward twice that, by the plain algorithms.
    pub gflops: f64,
    /// Seconds to draw the images of a preview.
    pub sample: f64,
    /// How many images that is.
    pub sample_images: usize,
    /// Most resident memory of the process in MiB while training, where the system tells.
    pub memory_mib: Option<f64>,
}

/// Training steps that were timed.
struct TimedSteps<S: System> {
    learner: Learner<Trainee<S>>,
    /// Of each step but the first, which compiles and warms up.
    seconds: Vec<f64>,
    /// Of one step.
    operations: f64,
    memory_mib: Option<f64>,
}

impl<S: System> Session<S> {
    /// Measures training steps and one preview; writes nothing but what a system prepares.
    ///
    /// # Errors
    ///
    /// If the device does not work, or the data cannot be read.
    pub fn bench(&self, repetitions: usize) -> Result<Bench, TrainError> {
        let device = backend::open(self.backend, self.device_index)?;
        let this = self.prepared(None, &device)?;
        let train = this.config.train();
        let timed = this.timed_steps(&device, repetitions)?;
        let step = median(timed.seconds);
        let trainee = timed.learner.model();
        Ok(Bench {
            parameters: trainee.net.num_params(),
            step,
            images_per_second: (train.batch_size * train.grad_accumulation) as f64 / step,
            gflops: timed.operations / step / 1e9,
            sample: this.bench_sampling(&trainee, &device, repetitions.min(3))?,
            sample_images: train.sample_images,
            memory_mib: timed.memory_mib,
        })
    }

    /// The median of the seconds that some training steps take, after one that is not counted.
    ///
    /// # Errors
    ///
    /// As [`bench`](Self::bench).
    pub(crate) fn step_seconds(&self, repetitions: usize) -> Result<f64, TrainError> {
        let device = backend::open(self.backend, self.device_index)?;
        let this = self.prepared(None, &device)?;
        Ok(median(this.timed_steps(&device, repetitions)?.seconds))
    }

    fn timed_steps(&self, device: &Device, repetitions: usize) -> Result<TimedSteps<S>, TrainError> {
        let autodiff = self.config.train().autodiff(device);
        let loaders = S::loaders(&self.config, &self.splits, device, 0)?;
        let mut learner = self.learner(&autodiff, 0)?;
        let checkpoints = Checkpoints::new(self.run.checkpoints(), 1);
        let strategy = self.strategy(&autodiff, CheckpointWriter::new(checkpoints, self.meta()?), None);
        let mut batches = loaders.train.iter();
        let (mut seconds, mut memory, mut operations) = (Vec::new(), None, 0.0);
        for step in 0..=repetitions {
            let started = Instant::now();
            let (stats, forward) = kernels::count_operations(|| {
                strategy.step(&mut learner, &mut *batches, step, started, &self.interrupter)
            });
            operations = 3.0 * forward;
            if stats.is_none() {
                let reason = self.interrupter.error().map_or_else(String::new, |error| error.to_string());
                return Err(TrainError::Device(reason));
            }
            device.sync().map_err(|error| TrainError::Device(error.to_string()))?;
            seconds.push(started.elapsed().as_secs_f64());
            memory = memory.into_iter().chain(memory_mib()).reduce(f64::max);
        }
        Ok(TimedSteps { learner, seconds: seconds.split_off(1), operations, memory_mib: memory })
    }

    fn bench_sampling(
        &self,
        trainee: &Trainee<S>,
        device: &Device,
        repetitions: usize,
    ) -> Result<f64, TrainError> {
        let mut seconds = Vec::new();
        for _ in 0..=repetitions {
            let started = Instant::now();
            trainee.system().preview(trainee.ema.valid(), &self.config, &self.splits, device)?;
            seconds.push(started.elapsed().as_secs_f64());
        }
        Ok(median(seconds.split_off(1)))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

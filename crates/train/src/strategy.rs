use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::data::dataset::DatasetError;
use burn::optim::GradientsAccumulator;
use burn::prelude::*;
use burn::train::{
    Interrupter, Learner, SupervisedLearningStrategy, SupervisedTrainingEventProcessor, TrainLoader,
    TrainingComponents, ValidLoader,
};
use random::Seed;

use crate::checkpoint::Losses;
use crate::checkpoint_writer::CheckpointWriter;
use crate::course::Course;
use crate::gradients::clip_global_norm;
use crate::metrics::{Speed, Stats, memory_mib};
use crate::spent::Spent;
use crate::system::System;
use crate::trainee::Trainee;

/// A batch, or why there is none.
pub type Item<S> = Result<<S as System>::Batch, DatasetError>;

/// What is done every so many steps, from the averaged weights.
pub type Hook<S> = Arc<dyn Fn(&Trainee<S>, usize) -> Result<(), String> + Send + Sync>;

/// What is measured after a validation, from the averaged weights, if anything is due at that step.
pub type Evaluate<S> = Arc<dyn Fn(&Trainee<S>, usize) -> Result<Option<Stats>, String> + Send + Sync>;

/// One device, counted in optimizer steps: where burn-train says "epoch" it means the round between two
/// validations, and its checkpoint numbers are steps.
pub struct StepStrategy<S: System> {
    /// The device, with autodiff.
    pub device: Device,
    /// Of the device's own random numbers (dropout), anew at each step.
    pub seed: Seed,
    /// The last step of the run.
    pub steps: usize,
    /// Batches to one optimizer step.
    pub grad_accumulation: usize,
    /// Images in a batch.
    pub batch_size: usize,
    /// Largest norm of the gradients.
    pub grad_clip: f64,
    /// Steps between validations.
    pub eval_every: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
    /// Steps between previews; 0 for one at the end only.
    pub sample_every: usize,
    /// When to stop, counted from the start of this session.
    pub budget: Option<Duration>,
    /// What the sessions before have taken.
    pub before: Spent,
    /// Losses at the checkpoint that this session starts from.
    pub losses: Losses,
    /// Describes and commits checkpoints.
    pub writer: CheckpointWriter,
    /// Draws a preview.
    pub preview: Hook<S>,
    /// Measures more after a validation.
    pub evaluate: Evaluate<S>,
}

impl<S: System> StepStrategy<S> {
    /// One optimizer step on the next batches. Nothing is done if the data failed, which the interrupter is told, or if it is
    /// asked to stop before the last batch: the step is then done anew when the run is resumed.
    ///
    /// `since` is the end of the step before: on a device that works asynchronously, the time between two ends is
    /// what a step takes.
    pub fn step(
        &self,
        learner: &mut Learner<Trainee<S>>,
        batches: &mut dyn Iterator<Item = Item<S>>,
        step: usize,
        since: Instant,
        interrupter: &Interrupter,
    ) -> Option<Stats> {
        self.device.seed(self.seed.derive("train/device", step as u64));
        let mut accumulator = GradientsAccumulator::new();
        let mut stats: Option<Stats> = None;
        for _ in 0..self.grad_accumulation {
            if interrupter.should_stop() {
                return None;
            }
            let end =
                || Err(DatasetError::new(std::io::Error::other("the batches ended before the last step")));
            let batch = match batches.next().unwrap_or_else(end) {
                Ok(batch) => batch,
                Err(error) => {
                    interrupter.fail(error);
                    return None;
                }
            };
            let output = learner.train_step(batch);
            accumulator.accumulate(&learner.model(), output.grads);
            stats = Some(match stats {
                Some(stats) => stats.join(output.item),
                None => output.item,
            });
        }
        let (norm, gradients) = clip_global_norm(&learner.model().net, accumulator.grads(), self.grad_clip);
        learner.lr_step();
        learner.optimizer_step(gradients);
        let images = (self.batch_size * self.grad_accumulation) as f64;
        let images_per_second = images / since.elapsed().as_secs_f64();
        stats.map(|stats| stats.with_step(norm, Speed { images_per_second, memory_mib: memory_mib() }))
    }
}

impl<S: System> SupervisedLearningStrategy<Trainee<S>> for StepStrategy<S> {
    fn fit(
        &self,
        components: TrainingComponents<Trainee<S>>,
        mut learner: Learner<Trainee<S>>,
        train: TrainLoader<Trainee<S>>,
        valid: ValidLoader<Trainee<S>>,
        first_step: usize,
    ) -> (Trainee<S>, SupervisedTrainingEventProcessor<Trainee<S>>) {
        let train = train.to_device(&self.device.clone().inner());
        let valid = valid.to_device(&self.device.clone().inner());
        learner.fork(&self.device);
        Course::new(self, components, learner, first_step - 1).run(&mut *train.iter(), &valid)
    }
}

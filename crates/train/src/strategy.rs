use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::optim::GradientsAccumulator;
use burn::prelude::*;
use burn::train::EventProcessorTraining;
use burn::train::{
    InferenceStep, Interrupter, Learner, LearnerEvent, SupervisedLearningStrategy,
    SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents, TrainingItem, ValidLoader,
};
use random::Seed;

use crate::checkpoint::{CheckpointWriter, Losses};
use crate::gradients::clip_global_norm;
use crate::metrics::{Speed, Stats};
use crate::trainee::Trainee;

type Events = SupervisedTrainingEventProcessor<Trainee>;

/// What is done every so many steps, from the averaged weights.
pub type Hook = Arc<dyn Fn(&Trainee, usize) -> Result<(), String> + Send + Sync>;

/// One device, counted in optimizer steps: where burn-train says "epoch" it means the round between two
/// validations, and its checkpoint numbers are steps.
pub struct StepStrategy {
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
    /// When to stop, as seconds of this session.
    pub budget: Option<Duration>,
    /// Seconds of the sessions before.
    pub seconds_before: f64,
    /// Describes and commits checkpoints.
    pub writer: CheckpointWriter,
    /// Draws a preview.
    pub preview: Hook,
    /// Writes the averaged weights, before each checkpoint.
    pub save_ema: Hook,
}

impl StepStrategy {
    /// Burn's number of a round, from 1.
    fn round(&self, step: usize) -> usize {
        step / self.eval_every + 1
    }

    /// One optimizer step; nothing if the data ran out or failed.
    pub fn step(
        &self,
        learner: &mut Learner<Trainee>,
        batches: &mut dyn Iterator<Item = Result<crate::Batch, burn::data::dataset::DatasetError>>,
        step: usize,
        interrupter: &Interrupter,
    ) -> Option<Stats> {
        let started = Instant::now();
        self.device.seed(self.seed.derive("train/device", step as u64));
        let mut accumulator = GradientsAccumulator::new();
        let mut stats = None;
        for _ in 0..self.grad_accumulation {
            let batch = match batches.next()? {
                Ok(batch) => batch,
                Err(error) => {
                    interrupter.fail(error);
                    return None;
                }
            };
            let output = learner.train_step(batch);
            accumulator.accumulate(&learner.model(), output.grads);
            stats = Some(output.item);
        }
        let (norm, gradients) = clip_global_norm(&learner.model().net, accumulator.grads(), self.grad_clip);
        learner.lr_step();
        learner.optimizer_step(gradients);
        let images = (self.batch_size * self.grad_accumulation) as f64;
        let images_per_second = images / started.elapsed().as_secs_f64();
        let memory_mib =
            memory_stats::memory_stats().map(|memory| memory.physical_mem as f64 / 1024.0 / 1024.0);
        stats.map(|stats| stats.with_step(norm, Speed { images_per_second, memory_mib }))
    }

    /// The mean loss of the averaged weights over all validation images.
    fn validate(
        &self,
        model: &Trainee,
        valid: &ValidLoader<Trainee>,
        events: &mut Events,
        round: usize,
        interrupter: &Interrupter,
    ) -> Option<f64> {
        let start = LearnerEvent::StartSplit { epoch_number: round, total_items: valid.num_items() };
        interrupter.fail_on_error(events.process_valid(start));
        let mut losses = Vec::new();
        let mut batches = valid.iter();
        while let Some(batch) = batches.next() {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    interrupter.fail(error);
                    return None;
                }
            };
            let images = batch.timesteps.len();
            let stats = InferenceStep::step(model, batch);
            losses.push((stats.mean_loss().ok()?, images));
            let item = TrainingItem::new(stats, batches.progress(), Some(losses.len()), None);
            interrupter.fail_on_error(events.process_valid(LearnerEvent::ProcessedItem(item)));
        }
        interrupter.fail_on_error(events.process_valid(LearnerEvent::EndSplit(round)));
        let images: usize = losses.iter().map(|(_, images)| images).sum();
        let sum: f64 = losses.iter().map(|(loss, images)| loss * *images as f64).sum();
        (images > 0).then(|| sum / images as f64)
    }

    fn call(&self, hook: &Hook, learner: &Learner<Trainee>, step: usize, interrupter: &Interrupter) {
        if let Err(reason) = hook(&learner.model(), step) {
            interrupter.fail(burn::train::checkpoint::CheckpointerError::Unknown(reason));
        }
    }
}

impl SupervisedLearningStrategy<Trainee> for StepStrategy {
    fn fit(
        &self,
        components: TrainingComponents<Trainee>,
        mut learner: Learner<Trainee>,
        train: TrainLoader<Trainee>,
        valid: ValidLoader<Trainee>,
        first_step: usize,
    ) -> (Trainee, Events) {
        let train = train.to_device(&self.device.clone().inner());
        let valid = valid.to_device(&self.device.clone().inner());
        learner.fork(&self.device);
        let (mut events, mut checkpointer) = (components.event_processor, components.checkpointer);
        let interrupter = components.interrupter;
        let started = Instant::now();
        let mut batches = train.iter();
        let mut losses = Losses::default();
        let mut step = first_step - 1;
        let due = |step: usize, every: usize| every > 0 && step.is_multiple_of(every);

        while step < self.steps && !interrupter.should_stop() {
            let round = self.round(step);
            let round_end = (round * self.eval_every).min(self.steps);
            let total = self.eval_every;
            let start = LearnerEvent::StartSplit { epoch_number: round, total_items: total };
            interrupter.fail_on_error(events.process_train(start));
            while step < round_end && !interrupter.should_stop() {
                let Some(stats) = self.step(&mut learner, &mut batches, step, &interrupter) else { break };
                step += 1;
                let last_stats = stats.clone();
                let progress = burn::data::dataloader::Progress::new(
                    step - (round - 1) * self.eval_every,
                    total,
                    Some("steps".into()),
                );
                let item = TrainingItem::new(stats, progress, Some(step), Some(learner.lr_current()));
                interrupter.fail_on_error(events.process_train(LearnerEvent::ProcessedItem(item)));
                if self.budget.is_some_and(|budget| started.elapsed() >= budget) {
                    interrupter.stop(Some("the time budget is used up"));
                }
                if interrupter.error().is_some() {
                    break;
                }
                let finished = step == self.steps;
                if step == round_end {
                    interrupter.fail_on_error(events.process_train(LearnerEvent::EndSplit(round)));
                    let model = learner.model();
                    losses.valid = self.validate(&model, &valid, &mut events, round, &interrupter);
                    interrupter.fail_on_error(events.process_train(LearnerEvent::EndEpoch(round)));
                }
                if due(step, self.sample_every) || finished {
                    self.call(&self.preview, &learner, step, &interrupter);
                }
                if due(step, self.checkpoint_every) || finished || interrupter.should_stop() {
                    self.call(&self.save_ema, &learner, step, &interrupter);
                    let seconds = self.seconds_before + started.elapsed().as_secs_f64();
                    losses.train = last_stats.mean_loss().ok();
                    self.writer.announce(step, losses, seconds);
                    if let Some(checkpointer) = &mut checkpointer {
                        checkpointer.checkpoint(&learner, step, &components.event_store);
                    }
                }
            }
            interrupter.fail_on_error(events.flush());
        }
        (learner.model(), events)
    }
}

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::data::dataloader::Progress;
use burn::data::dataset::DatasetError;
use burn::optim::GradientsAccumulator;
use burn::prelude::*;
use burn::train::checkpoint::CheckpointerError;
use burn::train::{
    EventProcessorTraining, InferenceStep, Interrupter, Learner, LearnerEvent, LearningCheckpointer,
    SupervisedLearningStrategy, SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents,
    TrainingItem, ValidLoader,
};
use random::Seed;

use crate::batches::Batch;
use crate::checkpoint::Losses;
use crate::checkpoint_writer::CheckpointWriter;
use crate::gradients::clip_global_norm;
use crate::metrics::{Speed, Stats, memory_mib};
use crate::trainee::Trainee;

type Events = SupervisedTrainingEventProcessor<Trainee>;
type Item = Result<Batch, DatasetError>;

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
    /// When to stop, counted from the start of this session.
    pub budget: Option<Duration>,
    /// Seconds of the sessions before.
    pub seconds_before: f64,
    /// Losses at the checkpoint that this session starts from.
    pub losses: Losses,
    /// Describes and commits checkpoints.
    pub writer: CheckpointWriter,
    /// Draws a preview.
    pub preview: Hook,
    /// Writes the averaged weights, before each checkpoint.
    pub save_ema: Hook,
}

/// The state of one session while it trains.
struct Course<'a> {
    strategy: &'a StepStrategy,
    learner: Learner<Trainee>,
    events: Events,
    checkpointer: Option<LearningCheckpointer<Trainee>>,
    event_store: Arc<burn::train::metric::store::EventStoreClient>,
    interrupter: Interrupter,
    started: Instant,
    step: usize,
    saved: usize,
    losses: Losses,
    last: Option<Stats>,
}

impl StepStrategy {
    /// One optimizer step on the next batches; nothing if the data failed, which the interrupter is told.
    ///
    /// `since` is the end of the step before: on a device that works asynchronously, the time between two ends is
    /// what a step takes.
    pub fn step(
        &self,
        learner: &mut Learner<Trainee>,
        batches: &mut dyn Iterator<Item = Item>,
        step: usize,
        since: Instant,
        interrupter: &Interrupter,
    ) -> Option<Stats> {
        self.device.seed(self.seed.derive("train/device", step as u64));
        let mut accumulator = GradientsAccumulator::new();
        let mut stats: Option<Stats> = None;
        for _ in 0..self.grad_accumulation {
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
        let mut course = Course {
            strategy: self,
            learner,
            events: components.event_processor,
            checkpointer: components.checkpointer,
            event_store: components.event_store,
            interrupter: components.interrupter,
            started: Instant::now(),
            step: first_step - 1,
            saved: first_step - 1,
            losses: self.losses,
            last: None,
        };
        let mut batches = train.iter();
        while course.step < self.steps && !course.interrupter.should_stop() {
            course.round(&mut *batches, &valid);
        }
        // Also after an error in the data: the weights of the last whole step are sound.
        if course.step > course.saved {
            course.checkpoint();
        }
        (course.learner.model(), course.events)
    }
}

impl Course<'_> {
    /// The steps up to the next validation, or to where training stops.
    fn round(&mut self, batches: &mut dyn Iterator<Item = Item>, valid: &ValidLoader<Trainee>) {
        let every = self.strategy.eval_every;
        let round = self.step / every + 1;
        let end = (round * every).min(self.strategy.steps);
        self.emit_train(LearnerEvent::StartSplit { epoch_number: round, total_items: every });
        let mut since = Instant::now();
        while self.step < end && !self.interrupter.should_stop() {
            let Some(stats) =
                self.strategy.step(&mut self.learner, batches, self.step, since, &self.interrupter)
            else {
                break;
            };
            self.step += 1;
            self.last = Some(stats.clone());
            let progress = Progress::new(self.step - (round - 1) * every, every, Some("steps".into()));
            let item = TrainingItem::new(stats, progress, Some(self.step), Some(self.learner.lr_current()));
            self.emit_train(LearnerEvent::ProcessedItem(item));
            if self.strategy.budget.is_some_and(|budget| self.started.elapsed() >= budget) {
                self.interrupter.stop(Some("the time budget is used up"));
            }
            if self.step == end {
                self.emit_train(LearnerEvent::EndSplit(round));
                self.validate(valid, round);
                self.emit_train(LearnerEvent::EndEpoch(round));
            }
            self.after_step();
            since = Instant::now();
        }
        let flushed = self.events.flush();
        self.interrupter.fail_on_error(flushed);
    }

    /// Previews and checkpoints where they are due.
    fn after_step(&mut self) {
        let due = |every: usize| every > 0 && self.step.is_multiple_of(every);
        let finished = self.step == self.strategy.steps;
        let (preview, checkpoint) = (due(self.strategy.sample_every), due(self.strategy.checkpoint_every));
        if (preview || finished) && self.interrupter.error().is_none() {
            self.call(&self.strategy.preview);
        }
        if checkpoint || finished {
            self.checkpoint();
        }
    }

    /// Saves the state, unless the loss says that it is lost.
    fn checkpoint(&mut self) {
        self.losses.train = self.last.as_ref().and_then(|stats| stats.mean_loss().ok());
        if self.losses.train.is_some_and(|loss| !loss.is_finite()) {
            return self.fail(format!(
                "the loss is no longer a number at step {}: lower train.learning_rate and start another run",
                self.step
            ));
        }
        self.call(&self.strategy.save_ema);
        let seconds = self.strategy.seconds_before + self.started.elapsed().as_secs_f64();
        self.strategy.writer.announce(self.step, self.losses, seconds);
        if let Some(checkpointer) = &mut self.checkpointer {
            checkpointer.checkpoint(&self.learner, self.step, &self.event_store);
        }
        self.saved = self.step;
    }

    /// The mean loss of the averaged weights over all validation images.
    fn validate(&mut self, valid: &ValidLoader<Trainee>, round: usize) {
        if valid.num_items() == 0 {
            return;
        }
        let model = self.learner.model().valid();
        let start = LearnerEvent::StartSplit { epoch_number: round, total_items: valid.num_items() };
        self.emit_valid(start);
        let (mut sum, mut images) = (0.0, 0);
        let mut batches = valid.iter();
        while let Some(batch) = batches.next() {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => return self.interrupter.fail(error),
            };
            let stats = InferenceStep::step(&model, batch);
            match stats.mean_loss() {
                Ok(loss) => sum += loss * stats.images() as f64,
                Err(error) => return self.fail(format!("failed to read the validation loss: {error}")),
            }
            images += stats.images();
            let item = TrainingItem::new(stats, batches.progress(), Some(images), None);
            self.emit_valid(LearnerEvent::ProcessedItem(item));
        }
        self.emit_valid(LearnerEvent::EndSplit(round));
        if images > 0 {
            self.losses.valid = Some(sum / images as f64);
            self.losses.valid_step = self.step;
        }
    }

    fn call(&self, hook: &Hook) {
        if let Err(reason) = hook(&self.learner.model(), self.step) {
            self.fail(reason);
        }
    }

    fn fail(&self, reason: String) {
        self.interrupter.fail(CheckpointerError::Unknown(reason));
    }

    fn emit_train(&mut self, event: LearnerEvent<Stats>) {
        let result = self.events.process_train(event);
        self.interrupter.fail_on_error(result);
    }

    fn emit_valid(&mut self, event: LearnerEvent<Stats>) {
        let result = self.events.process_valid(event);
        self.interrupter.fail_on_error(result);
    }
}

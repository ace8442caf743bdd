use std::sync::Arc;
use std::time::Instant;

use burn::data::dataloader::Progress;
use burn::module::Module;
use burn::train::checkpoint::CheckpointerError;
use burn::train::metric::store::EventStoreClient;
use burn::train::{
    EventProcessorTraining, InferenceStep, Interrupter, Learner, LearnerEvent, LearningCheckpointer,
    SupervisedTrainingEventProcessor, TrainingComponents, TrainingItem, ValidLoader,
};

use crate::checkpoint::Losses;
use crate::finite::is_finite;
use crate::metrics::Stats;
use crate::spent::Spending;
use crate::strategy::{Hook, Item, StepStrategy};
use crate::system::System;
use crate::trainee::Trainee;

/// The state of one session while it trains.
pub(crate) struct Course<'a, S: System> {
    strategy: &'a StepStrategy<S>,
    learner: Learner<Trainee<S>>,
    events: SupervisedTrainingEventProcessor<Trainee<S>>,
    checkpointer: Option<LearningCheckpointer<Trainee<S>>>,
    event_store: Arc<EventStoreClient>,
    interrupter: Interrupter,
    started: Instant,
    spending: Spending,
    step: usize,
    saved: usize,
    previewed: usize,
    losses: Losses,
    last: Option<Stats>,
    /// The step whose weights were found to be numbers.
    sound: Option<usize>,
}

impl<'a, S: System> Course<'a, S> {
    /// Goes on from `step`.
    pub(crate) fn new(
        strategy: &'a StepStrategy<S>,
        components: TrainingComponents<Trainee<S>>,
        learner: Learner<Trainee<S>>,
        step: usize,
    ) -> Self {
        Self {
            strategy,
            learner,
            events: components.event_processor,
            checkpointer: components.checkpointer,
            event_store: components.event_store,
            interrupter: components.interrupter,
            started: Instant::now(),
            spending: Spending::new(strategy.before),
            step,
            saved: step,
            previewed: step,
            losses: strategy.losses,
            last: None,
            sound: None,
        }
    }

    /// Trains to the last step, or until it is interrupted.
    pub(crate) fn run(
        mut self,
        batches: &mut dyn Iterator<Item = Item<S>>,
        valid: &ValidLoader<Trainee<S>>,
    ) -> (Trainee<S>, SupervisedTrainingEventProcessor<Trainee<S>>) {
        while self.step < self.strategy.steps && !self.interrupter.should_stop() {
            self.round(batches, valid);
        }
        // Also after an error in the data: the weights of the last whole step are sound.
        if self.step > self.saved {
            self.checkpoint();
        }
        if self.step > self.previewed {
            self.preview();
        }
        (self.learner.model(), self.events)
    }

    /// The steps up to the next validation, or to where training stops.
    fn round(&mut self, batches: &mut dyn Iterator<Item = Item<S>>, valid: &ValidLoader<Trainee<S>>) {
        let every = self.strategy.eval_every;
        let round = self.step / every + 1;
        let end = round.saturating_mul(every).min(self.strategy.steps);
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

    /// Checkpoints and previews where they are due.
    fn after_step(&mut self) {
        let due = |every: usize| every > 0 && self.step.is_multiple_of(every);
        let finished = self.step == self.strategy.steps;
        let (preview, checkpoint) = (due(self.strategy.sample_every), due(self.strategy.checkpoint_every));
        if checkpoint || finished {
            self.checkpoint();
        }
        if preview || finished {
            self.preview();
        }
    }

    fn preview(&mut self) {
        self.previewed = self.step;
        if self.interrupter.error().is_none() && self.is_sound() {
            self.call(&self.strategy.preview);
        }
    }

    /// Saves the state, unless it is lost.
    fn checkpoint(&mut self) {
        if !self.is_sound() {
            return;
        }
        let ema = self.learner.model().ema.valid().into_record();
        let announced = self.strategy.writer.announce(self.step, self.losses, self.spending.spent(), ema);
        if let Err(error) = announced {
            return self.interrupter.fail(error);
        }
        if let Some(checkpointer) = &mut self.checkpointer {
            checkpointer.checkpoint(&self.learner, self.step, &self.event_store);
        }
        self.saved = self.step;
    }

    /// Whether the loss, the weights and their average still are numbers; if not, training stops before any of it is shown
    /// or saved.
    fn is_sound(&mut self) -> bool {
        if self.sound == Some(self.step) {
            return true;
        }
        self.losses.train = self.last.as_ref().and_then(|stats| stats.mean_loss().ok());
        if self.losses.train.is_some_and(|loss| !loss.is_finite()) {
            self.fail(self.diverged("the loss is no longer a number"));
            return false;
        }
        match is_finite(&self.learner.model()) {
            Ok(true) => self.sound = Some(self.step),
            Ok(false) => self.fail(self.diverged("weights are no longer numbers")),
            Err(error) => self.fail(format!("failed to read the weights from the device: {error}")),
        }
        self.sound == Some(self.step)
    }

    /// What is said of a training that is lost.
    fn diverged(&self, what: &str) -> String {
        let mend = match self.strategy.grad_clip {
            0.0 => "set train.grad_clip above 0 or lower train.learning_rate",
            _ => "lower train.learning_rate",
        };
        format!("{what} at step {}: {mend}, and start another run", self.step)
    }

    /// The mean loss of the averaged weights over all validation images.
    fn validate(&mut self, valid: &ValidLoader<Trainee<S>>, round: usize) {
        if valid.num_items() == 0 || !self.is_sound() {
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
                Ok(loss) if !loss.is_finite() => {
                    return self.fail(self.diverged("the validation loss is no longer a number"));
                }
                Ok(loss) => sum += loss * stats.images() as f64,
                Err(error) => return self.fail(format!("failed to read the validation loss: {error}")),
            }
            images += stats.images();
            let item = TrainingItem::new(stats, batches.progress(), Some(images), None);
            self.emit_valid(LearnerEvent::ProcessedItem(item));
        }
        match (self.strategy.evaluate)(&self.learner.model(), self.step) {
            Ok(Some(stats)) => {
                let item = TrainingItem::new(stats, batches.progress(), Some(images), None);
                self.emit_valid(LearnerEvent::ProcessedItem(item));
            }
            Ok(None) => {}
            Err(reason) => self.fail(reason),
        }
        self.emit_valid(LearnerEvent::EndSplit(round));
        if images > 0 {
            self.losses.valid = Some(sum / images as f64);
            self.losses.valid_step = self.step;
        }
    }

    fn call(&self, hook: &Hook<S>) {
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

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;

use burn::module::Module;
use burn::prelude::*;
use burn::train::checkpoint::{CheckpointerError, CheckpointingAction, CheckpointingStrategy};
use burn::train::metric::LearningRateMetric;
use burn::train::metric::store::EventStoreClient;
use burn::train::{Learner, SupervisedTraining, TrainingError, TrainingStrategy};
use random::Seed;

use crate::checkpoint::{Checkpoints, Losses, Meta};
use crate::checkpoint_writer::CheckpointWriter;
use crate::dashboard::Dashboard;
use crate::error::TrainError;
use crate::metric_log::MetricLog;
use crate::metrics::StepMetric;
use crate::optimizer::learning_rate;
use crate::progress::PlainProgress;
use crate::record::Measure;
use crate::session::Session;
use crate::spent::Spent;
use crate::strategy::{Evaluate, Hook, StepStrategy};
use crate::system::{System, SystemConfig};
use crate::trainee::Trainee;
use crate::weights::Weights;

impl<S: System> Session<S> {
    /// Runs burn-train; says why it stopped early, if it did.
    pub(crate) fn learn(
        &self,
        device: &Device,
        checkpoints: &Checkpoints,
        start: Option<&Meta>,
    ) -> Result<Option<String>, TrainError> {
        let step = start.map_or(0, |meta| meta.step);
        let autodiff = self.config.train().autodiff(device);
        let learner = self.learner(&autodiff, step)?;
        let result = self.training(device, &autodiff, checkpoints, start)?.launch(learner);
        let saved = checkpoints.steps().last().copied();
        if let Some(error) = result.error {
            let reason = match &*error {
                TrainingError::Checkpoint(CheckpointerError::Unknown(reason)) => reason.clone(),
                error => error.to_string(),
            };
            return Err(match saved {
                Some(_) => TrainError::Training(reason),
                None => TrainError::TrainingUnsaved(reason),
            });
        }
        let by_dashboard = |reason: &String| reason == "Stopping training from user input.";
        Ok(result.interrupted.map(|stop| {
            stop.reason
                .filter(|reason| !by_dashboard(reason))
                .unwrap_or_else(|| "asked to at the dashboard".into())
        }))
    }

    fn training(
        &self,
        device: &Device,
        autodiff: &Device,
        checkpoints: &Checkpoints,
        start: Option<&Meta>,
    ) -> Result<SupervisedTraining<Trainee<S>>, TrainError> {
        let step = start.map_or(0, |meta| meta.step);
        let (steps, eval_every) = (self.config.train().steps, self.config.train().eval_every);
        let loaders = S::loaders(&self.config, &self.splits, device, step)?;
        let writer = CheckpointWriter::new(checkpoints.clone(), self.meta()?);
        let [model, optim, scheduler] = writer.parts();
        let log = MetricLog::open(self.run.path(), step, steps, eval_every, self.interrupter.clone())?;
        let strategy = self.strategy(autodiff, writer, start);
        let mut training = SupervisedTraining::new(self.run.path(), loaders.train, loaders.valid);
        for metric in S::metrics() {
            training = training.metric_train_numeric(metric.clone()).metric_valid_numeric(metric);
        }
        for metric in S::evaluation_metrics(&self.config) {
            training = training.metric_valid_numeric(metric);
        }
        training = training
            .metric_train_numeric(StepMetric::grad_norm())
            .metric_train_numeric(LearningRateMetric::new())
            .metric_train_numeric(StepMetric::speed())
            .metric_train_numeric(StepMetric::memory())
            .with_metric_logger(log)
            .with_custom_checkpointers(model, optim, scheduler)
            .with_checkpointing_strategy(SaveAlways)
            .with_interrupter(self.interrupter.clone())
            .num_epochs(steps.div_ceil(eval_every))
            .with_training_strategy(TrainingStrategy::Custom(Arc::new(strategy)));
        training = training.renderer(match self.plain || !std::io::stdout().is_terminal() {
            true => Box::new(PlainProgress::new(std::io::stdout(), step, steps)),
            false => Box::new(Dashboard::new(self.run.path(), step / eval_every, self.interrupter.clone())),
        });
        Ok(if step > 0 { training.checkpoint(step) } else { training })
    }

    /// The network as burn-train trains it, `step` optimizer steps being done.
    pub(crate) fn learner(&self, autodiff: &Device, step: usize) -> Result<Learner<Trainee<S>>, TrainError> {
        let net = S::init(&self.config, autodiff)?;
        let system = S::new(&self.config)?.equipped(&self.config, &self.run, autodiff)?;
        let trainee = Trainee::new(net, system, step as u64);
        Ok(Learner::new(trainee, S::optimizer(&self.config), learning_rate(self.config.train())?))
    }

    /// What a system measures of the averaged weights of a finished run.
    pub(crate) fn results(&self, device: &Device) -> Result<Vec<Measure>, TrainError> {
        let net = Weights::read(&self.run.ema())?.averaged::<S>(&self.config, device)?;
        S::results(&net, &self.config, &self.splits, device)
    }

    pub(crate) fn strategy(
        &self,
        autodiff: &Device,
        writer: CheckpointWriter,
        start: Option<&Meta>,
    ) -> StepStrategy<S> {
        let train = self.config.train();
        StepStrategy {
            device: autodiff.clone(),
            seed: Seed(self.config.seed()),
            steps: train.steps,
            grad_accumulation: train.grad_accumulation,
            batch_size: train.batch_size,
            grad_clip: train.grad_clip,
            eval_every: train.eval_every,
            checkpoint_every: train.checkpoint_every,
            sample_every: train.sample_every,
            budget: self.budget,
            before: start.map_or_else(Spent::default, Meta::spent),
            losses: start.map_or_else(Losses::default, |meta| meta.losses),
            writer,
            preview: self.preview(autodiff.clone().inner()),
            evaluate: self.evaluate(autodiff.clone().inner()),
        }
    }

    fn preview(&self, device: Device) -> Hook<S> {
        let (run, config, splits) = (self.run.clone(), self.config.clone(), self.splits.clone());
        Arc::new(move |trainee, step| {
            let drawn = trainee.system().preview(trainee.ema.valid(), &config, &splits, &device);
            let drawn = drawn.and_then(|picture| {
                let (step_text, seed) = (step.to_string(), config.seed().to_string());
                let text = [("step", step_text.as_str()), ("seed", seed.as_str())];
                Ok(picture.write_png(&run.sample(step), &text)?)
            });
            drawn.map_err(|error| error.to_string())
        })
    }

    fn evaluate(&self, device: Device) -> Evaluate<S> {
        let (config, splits) = (self.config.clone(), self.splits.clone());
        Arc::new(move |trainee, step| {
            S::evaluate(trainee.ema.valid(), &config, &splits, &device, step)
                .map_err(|error| error.to_string())
        })
    }

    pub(crate) fn meta(&self) -> Result<Meta, TrainError> {
        Ok(Meta {
            step: 0,
            losses: Losses::default(),
            config: self.config_value()?,
            dataset: self.splits.fingerprint().to_owned(),
            seconds: 0.0,
            cpu_seconds: 0.0,
            files: BTreeMap::new(),
        })
    }
}

/// Every checkpoint is wanted; [`Checkpoints`] removes the old ones.
struct SaveAlways;
impl CheckpointingStrategy for SaveAlways {
    fn checkpointing(&mut self, _: usize, _: &EventStoreClient) -> Vec<CheckpointingAction> {
        vec![CheckpointingAction::Save]
    }
}

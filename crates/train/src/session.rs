use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backend::BackendName;
use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::optim::lr_scheduler::{
    LrSchedulerConfig, cosine::CosineAnnealingLrSchedulerConfig, linear::LinearLrSchedulerConfig,
    sequential::SequentialLrSchedulerConfig,
};
use burn::prelude::*;
use burn::train::checkpoint::{CheckpointerError, CheckpointingAction, CheckpointingStrategy};
use burn::train::metric::LearningRateMetric;
use burn::train::metric::store::EventStoreClient;
use burn::train::{Interrupter, Learner, SupervisedTraining, TrainingError, TrainingStrategy};
use data::{Batches, Splits, write_atomically};
use random::Seed;

use crate::adam_w::AdamW;
use crate::batches::{Noising, TrainLoader, ValidLoader};
use crate::checkpoint::{Checkpoints, Losses, Meta, hash_file};
use crate::checkpoint_writer::CheckpointWriter;
use crate::config::LrSchedule;
use crate::error::TrainError;
use crate::metric_log::MetricLog;
use crate::metrics::StepMetric;
use crate::objective::Objective;
use crate::preview::write_preview;
use crate::progress::PlainProgress;
use crate::record::{Record, git_revision};
use crate::resolve::training_changes;
use crate::run_dir::RunDir;
use crate::strategy::{Hook, StepStrategy};
use crate::trainee::Trainee;
use crate::{RunConfig, TrainConfig, TrainedModel};

/// One sitting of a run: from a fresh start or a checkpoint to the last step, the budget or Ctrl-C.
pub struct Session {
    /// Where the run is kept.
    pub run: RunDir,
    /// The resolved configuration.
    pub config: RunConfig,
    /// The opened data set.
    pub splits: Splits,
    /// Which backend.
    pub backend: BackendName,
    /// Which of its devices.
    pub device_index: usize,
    /// Whether to go on from a checkpoint, and from which; the newest if it does not say.
    pub resume: Option<Option<usize>>,
    /// Time to stop after.
    pub budget: Option<Duration>,
    /// Plain lines even on a terminal.
    pub plain: bool,
    /// Stops the training from outside.
    pub interrupter: Interrupter,
}

/// How a session ended.
#[derive(Debug)]
pub struct Outcome {
    /// Steps done in all.
    pub steps: usize,
    /// Why it stopped before the last step, if it did.
    pub interrupted: Option<String>,
    /// Loss of the last validation.
    pub valid_loss: Option<f64>,
    /// The last preview grid.
    pub sample: Option<PathBuf>,
}

impl Session {
    /// Trains.
    ///
    /// # Errors
    ///
    /// Before any work: if the run's folder is taken, the checkpoint does not fit, or the device does not work.
    /// Later: if data or disk fail; the last checkpoint is then kept.
    pub fn train(self) -> Result<Outcome, TrainError> {
        let checkpoints = Checkpoints::new(self.run.checkpoints(), self.config.train.keep_last);
        let start = self.starting_point(&checkpoints)?;
        let device = backend::open(self.backend, self.device_index)?;
        for folder in [self.run.checkpoints(), self.run.samples()] {
            fs::create_dir_all(&folder).map_err(TrainError::io("create", &folder))?;
        }
        let _lock = self.lock()?;
        // Burn-train, which writes to it, panics where it cannot.
        let log = self.run.path().join("experiment.log");
        fs::File::options().create(true).append(true).open(&log).map_err(TrainError::io("write", &log))?;
        let step = start.as_ref().map_or(0, |meta| meta.step);
        checkpoints.go_back_to(step)?;
        let text = toml::to_string_pretty(&self.config).map_err(|error| TrainError::Config {
            origin: "the configuration".into(),
            reason: error.to_string(),
        })?;
        write_atomically(&self.run.config(), |file| file.write_all(text.as_bytes()))?;

        let mut record = self.record(&device, start.as_ref());
        record.write(&self.run.record())?;
        let stopped = match step < self.config.train.steps {
            true => self.learn(&device, &checkpoints, start.as_ref()),
            false => Ok(None),
        };
        record.status = match &stopped {
            Ok(None) => "finished".into(),
            Ok(Some(reason)) => format!("interrupted: {reason}"),
            Err(error) => format!("failed: {error}"),
        };
        let closed = self.close(record, &checkpoints);
        // The first failure is the one to report.
        let interrupted = stopped?;
        Ok(Outcome { interrupted, ..closed? })
    }

    /// Keeps other processes out of the run until it is dropped, or this process dies.
    fn lock(&self) -> Result<fs::File, TrainError> {
        let path = self.run.path().join(".lock");
        let file = fs::File::create(&path).map_err(TrainError::io("create", &path))?;
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {
                Err(TrainError::RunLocked { path: self.run.path().to_path_buf() })
            }
            // File systems without locks are used without.
            Ok(()) | Err(fs::TryLockError::Error(_)) => Ok(file),
        }
    }

    fn starting_point(&self, checkpoints: &Checkpoints) -> Result<Option<Meta>, TrainError> {
        let Some(asked) = self.resume else {
            // A folder without a checkpoint holds nothing that a fresh start could lose.
            return match checkpoints.steps().is_empty() {
                true => Ok(None),
                false => Err(TrainError::RunExists { path: self.run.path().to_path_buf() }),
            };
        };
        let (there, path) = (checkpoints.steps(), self.run.checkpoints());
        let step = match (asked, there.last()) {
            (Some(step), _) if there.contains(&step) => step,
            (Some(step), _) => return Err(TrainError::NoSuchCheckpoint { step, path, there }),
            (None, Some(&newest)) => newest,
            (None, None) => return Err(TrainError::NothingToResume { path }),
        };
        let steps = self.config.train.steps;
        if step > steps {
            return Err(TrainError::BeyondTheEnd { step, steps, there });
        }
        let meta = checkpoints.verify(step)?;
        let changes = training_changes(&meta.config, &self.config);
        if !changes.is_empty() {
            return Err(TrainError::ConfigChanged { changes: changes.join(", ") });
        }
        if meta.dataset != self.splits.fingerprint() {
            return Err(TrainError::DatasetChanged);
        }
        Ok(Some(meta))
    }

    /// Runs burn-train; says why it stopped early, if it did.
    fn learn(
        &self,
        device: &Device,
        checkpoints: &Checkpoints,
        start: Option<&Meta>,
    ) -> Result<Option<String>, TrainError> {
        let step = start.map_or(0, |meta| meta.step);
        let autodiff = device.clone().autodiff();
        let train = &self.config.train;
        let learner = Learner::new(self.trainee(&autodiff, step)?, optimizer(train), learning_rate(train)?);
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
        if let Some(stop) = result.interrupted {
            return Ok(Some(stop.reason.unwrap_or_else(|| "asked to".into())));
        }
        // The dashboard forgets that it was asked to stop.
        Ok((saved < Some(train.steps)).then(|| "asked to at the dashboard".into()))
    }

    fn training(
        &self,
        device: &Device,
        autodiff: &Device,
        checkpoints: &Checkpoints,
        start: Option<&Meta>,
    ) -> Result<SupervisedTraining<Trainee>, TrainError> {
        let step = start.map_or(0, |meta| meta.step);
        let (steps, eval_every) = (self.config.train.steps, self.config.train.eval_every);
        let (train, valid) = self.loaders(device, step)?;
        let writer = CheckpointWriter::new(checkpoints.clone(), self.meta());
        let [model, optim, scheduler] = writer.parts();
        let [q1, q2, q3, q4] = StepMetric::quarters();
        let log = MetricLog::open(self.run.path(), step, steps, eval_every, self.interrupter.clone())?;
        let strategy = self.strategy(autodiff, writer, start);
        let mut training = SupervisedTraining::new(self.run.path(), Arc::new(train), Arc::new(valid))
            .metrics((StepMetric::loss(), q1, q2, q3, q4))
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
        if self.plain || !std::io::stdout().is_terminal() {
            let progress = PlainProgress::new(std::io::stdout(), step, steps);
            training = training.renderer(Box::new(progress));
        }
        Ok(if step > 0 { training.checkpoint(step) } else { training })
    }

    pub(crate) fn loaders(
        &self,
        device: &Device,
        step: usize,
    ) -> Result<(TrainLoader, ValidLoader), TrainError> {
        let train = &self.config.train;
        let noising = Noising {
            seed: Seed(self.config.seed),
            num_train_timesteps: self.config.diffusion.num_train_timesteps,
            num_classes: self.config.model.num_classes,
            cond_drop_prob: train.cond_drop_prob,
        };
        let batches = Batches::new(self.splits.train.clone(), train.batch_size, Seed(self.config.seed))?;
        let loader = TrainLoader {
            batches: Arc::new(batches),
            noising,
            start: (step * train.grad_accumulation) as u64,
            count: (train.steps - step) * train.grad_accumulation,
            workers: train.workers,
            device: device.clone(),
        };
        let valid =
            ValidLoader::new(&self.splits.valid, noising, train.eval_images, train.batch_size, device)?;
        Ok((loader, valid))
    }

    pub(crate) fn trainee(&self, autodiff: &Device, step: usize) -> Result<Trainee, TrainError> {
        let net = self
            .config
            .model
            .init(autodiff, self.config.seed)
            .map_err(|error| TrainError::Config { origin: "[model]".into(), reason: error.to_string() })?;
        Ok(Trainee::new(net, Objective::new(&self.config)?, step as u64))
    }

    pub(crate) fn strategy(
        &self,
        autodiff: &Device,
        writer: CheckpointWriter,
        start: Option<&Meta>,
    ) -> StepStrategy {
        let train = &self.config.train;
        StepStrategy {
            device: autodiff.clone(),
            seed: Seed(self.config.seed),
            steps: train.steps,
            grad_accumulation: train.grad_accumulation,
            batch_size: train.batch_size,
            grad_clip: train.grad_clip,
            eval_every: train.eval_every,
            checkpoint_every: train.checkpoint_every,
            sample_every: train.sample_every,
            budget: self.budget,
            seconds_before: start.map_or(0.0, |meta| meta.seconds),
            losses: start.map_or_else(Losses::default, |meta| meta.losses),
            writer,
            preview: self.preview(autodiff.clone().inner()),
            save_ema: self.save_ema(),
        }
    }

    fn preview(&self, device: Device) -> Hook {
        let (run, config) = (self.run.clone(), self.config.clone());
        Arc::new(move |trainee, step| {
            let model = TrainedModel::new(trainee.ema.valid(), &config, &device);
            let drawn = model.and_then(|model| write_preview(&model, &config, step, &run.sample(step)));
            drawn.map_err(|error| error.to_string())
        })
    }

    fn save_ema(&self) -> Hook {
        let path = self.run.ema();
        Arc::new(move |trainee, _| {
            trainee
                .ema
                .valid()
                .into_record()
                .save(&path)
                .map_err(|error| format!("failed to write {}: {error}", path.display()))
        })
    }

    pub(crate) fn meta(&self) -> Meta {
        Meta {
            step: 0,
            losses: Losses::default(),
            config: self.config.clone(),
            dataset: self.splits.fingerprint().to_owned(),
            seconds: 0.0,
            files: BTreeMap::new(),
        }
    }

    fn record(&self, device: &Device, start: Option<&Meta>) -> Record {
        Record {
            status: "running".into(),
            command: std::env::args().collect::<Vec<_>>().join(" "),
            config: self.config.clone(),
            dataset: self.splits.fingerprint().to_owned(),
            version: env!("CARGO_PKG_VERSION").into(),
            burn: "0.22.1".into(),
            revision: git_revision(),
            backend: self.backend.to_string(),
            device: backend::describe(self.backend, device),
            steps: start.map_or(0, |meta| meta.step),
            seconds: start.map_or(0.0, |meta| meta.seconds),
            losses: start.map_or_else(Losses::default, |meta| meta.losses),
            files: BTreeMap::new(),
        }
    }

    /// Completes the record from the newest checkpoint.
    fn close(&self, mut record: Record, checkpoints: &Checkpoints) -> Result<Outcome, TrainError> {
        if let Some(meta) = checkpoints.steps().last().and_then(|&step| checkpoints.verify(step).ok()) {
            record.steps = meta.step;
            record.seconds = meta.seconds;
            record.losses = meta.losses;
        }
        let sample = Some(self.run.sample(record.steps)).filter(|path| path.exists());
        for path in [Some(self.run.ema()), sample.clone()].into_iter().flatten() {
            if let (Ok(hash), Ok(name)) = (hash_file(&path), path.strip_prefix(self.run.path())) {
                record.files.insert(name.display().to_string(), hash);
            }
        }
        record.write(&self.run.record())?;
        let valid_loss = record.losses.valid;
        Ok(Outcome { steps: record.steps, interrupted: None, valid_loss, sample })
    }
}

/// Every checkpoint is wanted; [`Checkpoints`] removes the old ones.
struct SaveAlways;
impl CheckpointingStrategy for SaveAlways {
    fn checkpointing(&mut self, _: usize, _: &EventStoreClient) -> Vec<CheckpointingAction> {
        vec![CheckpointingAction::Save]
    }
}

/// The optimizer of a run, AdamW with torch's meaning of every number.
pub fn optimizer(train: &TrainConfig) -> ModuleOptimizer {
    ModuleOptimizer::from(AdamW::new(train))
}

/// Linear warm-up from `learning_rate / warmup_steps`, then constant or a cosine down to 0.
pub(crate) fn learning_rate(train: &TrainConfig) -> Result<ModuleLrScheduler, TrainError> {
    let (peak, warmup) = (train.learning_rate, train.warmup_steps);
    let after = match train.lr_schedule {
        LrSchedule::Constant => LrSchedulerConfig::Constant(peak),
        LrSchedule::Cosine => {
            let steps = train.steps.saturating_sub(warmup).max(1);
            LrSchedulerConfig::Cosine(CosineAnnealingLrSchedulerConfig::new(peak, steps))
        }
    };
    let (stages, milestones) = if warmup > 1 {
        let ramp = LinearLrSchedulerConfig::new(peak / warmup as f64, peak, warmup - 1);
        (vec![LrSchedulerConfig::Linear(ramp), after], vec![warmup])
    } else {
        (vec![after], vec![])
    };
    SequentialLrSchedulerConfig::new(stages, milestones)
        .init()
        .map_err(|reason| TrainError::Config { origin: "[train]".into(), reason })
}

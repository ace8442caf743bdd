use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backend::BackendName;
use burn::prelude::*;
use burn::train::Interrupter;
use data::{Splits, write_atomically};

use crate::changes::{advice, training_changes};
use crate::checkpoint::{Checkpoints, Meta};
use crate::error::TrainError;
use crate::record::Measure;
use crate::run_dir::RunDir;
use crate::system::{System, SystemConfig};
use crate::train_config::Precision;

/// One sitting of a run: from a fresh start or a checkpoint to the last step, the budget or Ctrl-C.
pub struct Session<S: System> {
    /// Where the run is kept.
    pub run: RunDir,
    /// The resolved configuration.
    pub config: S::Config,
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
    /// What was measured in the end.
    pub results: Vec<Measure>,
}

impl<S: System> Session<S> {
    /// Trains.
    ///
    /// # Errors
    ///
    /// Before any work: if the run's folder is taken, the checkpoint does not fit, or the device does not work.
    /// Later: if data or disk fail; the last checkpoint is then kept.
    pub fn train(self) -> Result<Outcome, TrainError> {
        let checkpoints = Checkpoints::new(self.run.checkpoints(), self.config.train().keep_last);
        let start = self.starting_point(&checkpoints)?;
        let device = backend::open(self.backend, self.device_index)?;
        for folder in [self.run.checkpoints(), self.run.samples()] {
            fs::create_dir_all(&folder).map_err(TrainError::io("create", &folder))?;
        }
        let _lock = self.lock()?;
        remove_leftovers(self.run.path());
        // Burn-train, which writes to it, panics where it cannot.
        let log = self.run.path().join("experiment.log");
        fs::File::options().create(true).append(true).open(&log).map_err(TrainError::io("write", &log))?;
        let step = start.as_ref().map_or(0, |meta| meta.step);
        let begun = match &start {
            Some(meta) => Some(meta.config::<S::Config>(&checkpoints.path(step))?),
            None => None,
        };
        let session = self.prepared(begun.as_ref(), &device)?;
        checkpoints.go_back_to(step)?;
        session.go_on(&device, &checkpoints, start.as_ref())
    }

    /// With what a system finds out on the device.
    pub(crate) fn prepared(&self, start: Option<&S::Config>, device: &Device) -> Result<Self, TrainError> {
        self.set_precision()?;
        let (config, splits) =
            S::prepare(self.config.clone(), self.splits.clone(), start, &self.run, device)?;
        Ok(Self { run: self.run.clone(), config, splits, interrupter: self.interrupter.clone(), ..*self })
    }

    /// That of this process's matrix products.
    fn set_precision(&self) -> Result<(), TrainError> {
        let rounded = self.config.train().precision == Precision::Bf16;
        if rounded && self.backend != BackendName::Flex {
            return Err(TrainError::Config {
                origin: "[train]".into(),
                reason: format!(
                    "precision = \"bf16\" is for backend `flex`, not `{}`: leave it out or add `--backend flex`",
                    self.backend
                ),
            });
        }
        if rounded && !kernels::has_bf16() {
            terminal::warn(format_args!(
                "this CPU has no bf16 instructions: precision = \"bf16\" is slower than \"f32\""
            ));
        }
        kernels::round_to_bf16(rounded);
        Ok(())
    }

    fn go_on(
        &self,
        device: &Device,
        checkpoints: &Checkpoints,
        start: Option<&Meta>,
    ) -> Result<Outcome, TrainError> {
        let step = start.map_or(0, |meta| meta.step);
        let text = toml::to_string_pretty(&self.config).map_err(|error| TrainError::Config {
            origin: "the configuration".into(),
            reason: error.to_string(),
        })?;
        write_atomically(&self.run.config(), |file| file.write_all(text.as_bytes()))?;

        let mut record = self.record(device, start)?;
        record.write(&self.run.record())?;
        let mut stopped = match step < self.config.train().steps {
            true => self.learn(device, checkpoints, start),
            false => Ok(None),
        };
        if let Ok(None) = stopped {
            match self.results(device) {
                Ok(results) => record.results = results,
                Err(error) => stopped = Err(error),
            }
        }
        record.status = match &stopped {
            Ok(None) => "finished".into(),
            Ok(Some(reason)) => format!("interrupted: {reason}"),
            Err(error) => format!("failed: {error}"),
        };
        let closed = self.close(record, checkpoints);
        // The first failure is the one to report.
        let interrupted = stopped?;
        Ok(Outcome { interrupted, ..closed? })
    }

    /// Whether the run's folder is free or its checkpoint fits.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train) before any work, but for the device's.
    pub fn check(&self) -> Result<(), TrainError> {
        let checkpoints = Checkpoints::new(self.run.checkpoints(), self.config.train().keep_last);
        self.starting_point(&checkpoints).map(|_| ())
    }

    /// Keeps other processes out of the run until it is dropped, or this process dies.
    fn lock(&self) -> Result<fs::File, TrainError> {
        let path = self.run.path().join(".lock");
        let mut options = fs::File::options();
        let file = options.create(true).write(true).truncate(false).open(&path);
        let file = file.map_err(TrainError::io("create", &path))?;
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
        let steps = self.config.train().steps;
        if step > steps {
            return Err(TrainError::BeyondTheEnd { step, steps, there });
        }
        let meta = checkpoints.verify(step)?;
        let old = meta.config::<S::Config>(&checkpoints.path(step))?;
        let changes = training_changes(&old, &self.config);
        if !changes.is_empty() {
            let advice = advice(&changes);
            return Err(TrainError::ConfigChanged { changes: changes.join(", "), advice });
        }
        if !self.splits.has_fingerprint(&meta.dataset) {
            return Err(TrainError::DatasetChanged);
        }
        Ok(Some(meta))
    }
}

/// Removes the weights that a killed process was writing into a run's folder, which this one has locked.
///
/// What cannot be removed is in nobody's way.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let unfinished = |name: &str| name.contains(".bpk.") && name.ends_with(".tmp");
        if name.to_str().is_some_and(unfinished) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

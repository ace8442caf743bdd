use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use burn::prelude::*;
use data::write_atomically;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checkpoint::EMA;
use crate::error::TrainError;
use crate::revision::git_revision;
use crate::session::{Outcome, Session};
use crate::system::System;
use crate::tables::from_json;
use crate::weights::read_checked;
use crate::{Checkpoints, Losses, Meta, RunDir, hash_file};

/// What was run, where, and what came of it: `record.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// `running`, `finished`, `interrupted: <reason>` or `failed: <reason>`.
    pub status: String,
    /// The command of the last session.
    pub command: String,
    /// The resolved configuration.
    pub config: Value,
    /// The data set's fingerprint.
    pub dataset: String,
    /// Version of this program.
    pub version: String,
    /// Version of Burn.
    pub burn: String,
    /// Git revision of the working folder, with `+` where it has changes; none outside a checkout.
    pub revision: Option<String>,
    /// Backend, by its name on the command line.
    pub backend: String,
    /// The device as the backend describes it.
    pub device: String,
    /// Optimizer steps done.
    pub steps: usize,
    /// Seconds of training, over all sessions.
    pub seconds: f64,
    /// Seconds of processors, of all threads and sessions; 0 where the system does not tell.
    #[serde(default)]
    pub cpu_seconds: f64,
    /// The losses at the last checkpoint.
    pub losses: Losses,
    /// What was measured in the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<Measure>,
    /// SHA-256 of the run's results.
    pub files: BTreeMap<String, String>,
}

/// A number that a run is judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What is measured.
    pub name: String,
    /// Its mean.
    pub value: f64,
    /// The standard error of that; 0 where it is exact.
    pub stderr: f64,
    /// Its unit.
    pub unit: String,
}

impl std::fmt::Display for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, value, stderr, unit } = self;
        match stderr {
            0.0 => write!(f, "{name}: {value:.4} {unit}"),
            _ => write!(f, "{name}: {value:.4} ± {stderr:.4} {unit}"),
        }
    }
}

impl Record {
    /// Writes the record.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn write(&self, path: &Path) -> Result<(), TrainError> {
        let text =
            serde_json::to_vec_pretty(self).map_err(|error| TrainError::io("write", path)(error.into()))?;
        Ok(write_atomically(path, |file| file.write_all(&text))?)
    }
}

impl Record {
    /// The record of a run; none where there is none that can be read.
    pub fn read(run: &RunDir) -> Option<Self> {
        Self::read_if_there(run).ok().flatten()
    }

    /// The record of a run; none where there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(crate) fn read_if_there(run: &RunDir) -> Result<Option<Self>, TrainError> {
        let path = run.record();
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(TrainError::io("read", &path))?,
        };
        let value = serde_json::from_str(&text).map_err(|error| error.to_string());
        value.and_then(|value| from_json(&value)).map(Some).map_err(|reason| TrainError::Config {
            origin: path.display().to_string(),
            reason: format!("{reason}: put it back, or remove it to go without its checksums"),
        })
    }
}

impl<S: System> Session<S> {
    /// The record of a session that begins.
    pub(crate) fn record(&self, device: &Device, start: Option<&Meta>) -> Result<Record, TrainError> {
        Ok(Record {
            status: "running".into(),
            command: std::env::args().collect::<Vec<_>>().join(" "),
            config: self.config_value()?,
            dataset: self.splits.fingerprint().to_owned(),
            version: env!("CARGO_PKG_VERSION").into(),
            burn: "0.22.1".into(),
            revision: git_revision(),
            backend: self.backend.to_string(),
            device: backend::describe(self.backend, device),
            steps: start.map_or(0, |meta| meta.step),
            seconds: start.map_or(0.0, |meta| meta.seconds),
            cpu_seconds: start.map_or(0.0, |meta| meta.cpu_seconds),
            losses: start.map_or_else(Losses::default, |meta| meta.losses),
            results: Vec::new(),
            files: self.hashes_before(),
        })
    }

    /// The hash of the averaged weights that a session begins with, if they are those that were saved; the checkpoint that
    /// tells of them may go.
    fn hashes_before(&self) -> BTreeMap<String, String> {
        let found = read_checked(&self.run.ema()).ok();
        found.map(|(_, hash)| (EMA.to_owned(), hash)).into_iter().collect()
    }

    /// The configuration as it stands in records and checkpoints.
    pub(crate) fn config_value(&self) -> Result<Value, TrainError> {
        serde_json::to_value(&self.config).map_err(|error| TrainError::Config {
            origin: "the configuration".into(),
            reason: error.to_string(),
        })
    }

    /// Completes the record from the newest checkpoint.
    pub(crate) fn close(&self, mut record: Record, checkpoints: &Checkpoints) -> Result<Outcome, TrainError> {
        if let Some(meta) = checkpoints.steps().last().and_then(|&step| checkpoints.verify(step).ok()) {
            record.steps = meta.step;
            record.seconds = meta.seconds;
            record.cpu_seconds = meta.cpu_seconds;
            record.losses = meta.losses;
        }
        let sample = Some(self.run.sample(record.steps)).filter(|path| path.exists());
        for path in [Some(self.run.ema()), Some(self.run.words()), sample.clone()].into_iter().flatten() {
            if let (Ok(hash), Ok(name)) = (hash_file(&path), path.strip_prefix(self.run.path())) {
                record.files.insert(name.display().to_string(), hash);
            }
        }
        record.write(&self.run.record())?;
        let valid_loss = record.losses.valid;
        Ok(Outcome { steps: record.steps, interrupted: None, valid_loss, sample, results: record.results })
    }
}

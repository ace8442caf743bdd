use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use data::write_atomically;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::{Losses, RunConfig, RunDir, hash_file};

/// What was run, where, and what came of it: `record.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// `running`, `finished`, `interrupted: <reason>` or `failed: <reason>`.
    pub status: String,
    /// The command of the last session.
    pub command: String,
    /// The resolved configuration.
    pub config: RunConfig,
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
    /// The losses at the last checkpoint.
    pub losses: Losses,
    /// SHA-256 of the run's results.
    pub files: BTreeMap<String, String>,
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
    /// Checks the averaged weights of a run against its record.
    ///
    /// A run that is being trained, or was killed, has weights newer than its record, and one without a record has
    /// nothing to check against.
    ///
    /// # Errors
    ///
    /// If the weights are not those that the run ended with.
    pub fn verify_weights(run: &RunDir) -> Result<(), TrainError> {
        let Ok(text) = fs::read_to_string(run.record()) else { return Ok(()) };
        let unread =
            |reason: String| TrainError::Config { origin: run.record().display().to_string(), reason };
        let record: Self = serde_json::from_str(&text).map_err(|error| unread(error.to_string()))?;
        let (Some(recorded), false) = (record.files.get("ema.bpk"), record.status == "running") else {
            return Ok(());
        };
        let path = run.ema();
        let hash = hash_file(&path).map_err(TrainError::io("read the weights", &path))?;
        if hash == *recorded {
            return Ok(());
        }
        let reason =
            "their SHA-256 is not the one in record.json: use `--checkpoint` with a folder under checkpoint/";
        Err(TrainError::Weights { path, reason: reason.into() })
    }
}

/// The git revision of the working folder.
pub fn git_revision() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
    };
    let revision = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
    Some(if changed { format!("{revision}+") } else { revision })
}

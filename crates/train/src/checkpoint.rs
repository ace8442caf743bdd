//! Checkpoints by step: a folder that appears whole or not at all.
//!
//! `checkpoint/step-00000100/{model.bpk, optim.bpk, scheduler.bpk, meta.json}`. burn-train hands the three records
//! to three threads; they are staged in a hidden folder, and the last one to arrive hashes them, writes `meta.json`
//! and renames the folder. The averaged weights are staged there too, and take the place of the run's `ema.bpk` right
//! behind. A process killed at any moment leaves the checkpoints before it untouched, and an `ema.bpk` that one of them
//! tells of.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::spent::Spent;
use crate::system::SystemConfig;
use crate::tables::from_json;

/// What a folder is called until it is whole.
pub(crate) const STAGING: &str = ".step-";
/// The records of a checkpoint.
pub(crate) const PARTS: [&str; 3] = [MODEL, "optim.bpk", "scheduler.bpk"];
/// The record of the weights.
pub(crate) const MODEL: &str = "model.bpk";
/// The averaged weights, which are staged with a checkpoint and then put into the run's folder.
pub(crate) const EMA: &str = "ema.bpk";
/// The key of a description's own hash.
const OWN_HASH: &str = "sha256";

/// What stands beside the records of a checkpoint: `meta.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// Optimizer steps done.
    pub step: usize,
    /// The losses there.
    pub losses: Losses,
    /// The configuration that made it.
    pub config: Value,
    /// The data set's fingerprint.
    pub dataset: String,
    /// Seconds of training behind it, over all sessions.
    pub seconds: f64,
    /// Seconds of processors behind it, of all threads and sessions; 0 where the system does not tell.
    #[serde(default)]
    pub cpu_seconds: f64,
    /// SHA-256 of each record, and of the averaged weights that were written with them.
    pub files: BTreeMap<String, String>,
}

impl Meta {
    /// What the training behind it has taken.
    pub(crate) fn spent(&self) -> Spent {
        Spent { seconds: self.seconds, cpu_seconds: self.cpu_seconds }
    }

    /// Reads the description of the checkpoint in a folder.
    ///
    /// # Errors
    ///
    /// If it is missing, cut or changed.
    pub fn read(folder: &Path) -> Result<Self, TrainError> {
        read_meta(folder).map_err(|reason| TrainError::DamagedCheckpoint {
            path: folder.join("meta.json"),
            reason,
            earlier: None,
        })
    }

    /// The description as it is written, with its own hash.
    pub(crate) fn sealed(&self) -> serde_json::Result<Vec<u8>> {
        let mut value = serde_json::to_value(self)?;
        let own = hash(&serde_json::to_vec(&value)?);
        if let Value::Object(keys) = &mut value {
            keys.insert(OWN_HASH.into(), own.into());
        }
        serde_json::to_vec_pretty(&value)
    }

    /// Reads the description of the checkpoint in a folder and checks the records against it.
    ///
    /// # Errors
    ///
    /// If a file is missing, cut or changed: names it.
    pub fn verify(folder: &Path) -> Result<Self, TrainError> {
        let damaged = |file: &str, reason| TrainError::DamagedCheckpoint {
            path: folder.join(file),
            reason,
            earlier: None,
        };
        let meta = Self::read(folder)?;
        for part in PARTS {
            let hash = hash_file(&folder.join(part)).map_err(|error| damaged(part, error.to_string()))?;
            if meta.files.get(part) != Some(&hash) {
                return Err(damaged(part, "its contents are not what was saved".into()));
            }
        }
        Ok(meta)
    }

    /// The configuration that made the checkpoint in a folder.
    ///
    /// # Errors
    ///
    /// If it is another system's.
    pub fn config<C: SystemConfig>(&self, folder: &Path) -> Result<C, TrainError> {
        from_json(&self.config).map_err(|reason| TrainError::DamagedCheckpoint {
            path: folder.join("meta.json"),
            reason,
            earlier: None,
        })
    }
}

/// The losses at a checkpoint.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Losses {
    /// Of the last batch.
    pub train: Option<f64>,
    /// Of the last validation.
    pub valid: Option<f64>,
    /// The step of that validation.
    pub valid_step: usize,
}

/// The checkpoints of a run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    pub(crate) folder: PathBuf,
    keep_last: usize,
}

impl Checkpoints {
    /// Those in a folder, of which the last `keep_last` and the best are kept.
    pub fn new(folder: PathBuf, keep_last: usize) -> Self {
        Self { folder, keep_last }
    }

    /// The run's averaged weights.
    pub(crate) fn ema(&self) -> PathBuf {
        self.folder.with_file_name(EMA)
    }

    /// Puts the averaged weights that were written with a step's checkpoint into the run's folder, if they are not there yet.
    pub(crate) fn publish_ema(&self, step: usize) -> io::Result<()> {
        match fs::rename(self.path(step).join(EMA), self.ema()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The folder of a step's checkpoint.
    pub fn path(&self, step: usize) -> PathBuf {
        self.folder.join(format!("step-{step:08}"))
    }

    /// The steps that have one, in rising order.
    pub fn steps(&self) -> Vec<usize> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let step = |name: String| name.strip_prefix("step-")?.parse().ok();
        let mut steps: Vec<usize> =
            entries.filter_map(|entry| step(entry.file_name().into_string().ok()?)).collect();
        steps.sort_unstable();
        steps
    }

    /// Reads a checkpoint's description and checks its records against it.
    ///
    /// # Errors
    ///
    /// If a file is missing, cut or changed: names it, and the step to go back to.
    pub fn verify(&self, step: usize) -> Result<Meta, TrainError> {
        let path = self.path(step);
        let meta = Meta::verify(&path).and_then(|meta| match meta.step == step {
            true => Ok(meta),
            false => Err(TrainError::DamagedCheckpoint {
                path: path.join("meta.json"),
                reason: format!("it describes step {}", meta.step),
                earlier: None,
            }),
        });
        meta.map_err(|error| match error {
            TrainError::DamagedCheckpoint { path, reason, .. } => {
                let earlier = self.steps().into_iter().rev().find(|&earlier| earlier < step);
                TrainError::DamagedCheckpoint { path, reason, earlier }
            }
            other => other,
        })
    }

    /// The checkpoint of the least validation loss, among those taken right at a validation.
    fn best(&self, steps: &[usize]) -> Option<usize> {
        let loss = |&step: &usize| {
            let losses = read_meta(&self.path(step)).ok()?.losses;
            losses.valid.filter(|_| losses.valid_step == step).map(|loss| (loss, step))
        };
        steps.iter().filter_map(loss).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, step)| step)
    }

    /// Removes old checkpoints; never `newest`, which was just written.
    pub(crate) fn prune(&self, newest: usize) -> io::Result<()> {
        let steps = self.steps();
        let best = self.best(&steps);
        let old = &steps[..steps.len().saturating_sub(self.keep_last)];
        for &step in old.iter().filter(|&&step| Some(step) != best && step != newest) {
            fs::remove_dir_all(self.path(step))?;
        }
        Ok(())
    }

    /// Prepares to go on from `step`: what was staged when a process died is removed, and checkpoints of later steps,
    /// which belong to another course of the run, are put aside into `abandoned/`.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn go_back_to(&self, step: usize) -> Result<(), TrainError> {
        let failed = |path: &Path| TrainError::io("clear", path.to_path_buf());
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(STAGING) {
                fs::remove_dir_all(entry.path()).map_err(failed(&entry.path()))?;
            }
        }
        if step > 0 {
            self.publish_ema(step).map_err(failed(&self.path(step)))?;
        }
        let aside = self.folder.join("abandoned");
        for later in self.steps().into_iter().filter(|&later| later > step) {
            let (from, to) = (self.path(later), aside.join(format!("step-{later:08}")));
            fs::create_dir_all(&aside).map_err(failed(&aside))?;
            remove_if_there(&to).map_err(failed(&to))?;
            fs::rename(&from, &to).map_err(failed(&from))?;
        }
        Ok(())
    }
}

fn read_meta(folder: &Path) -> Result<Meta, String> {
    let text = fs::read_to_string(folder.join("meta.json")).map_err(|error| error.to_string())?;
    let mut value: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    // Earlier versions wrote none.
    if let Some(own) = value.as_object_mut().and_then(|keys| keys.remove(OWN_HASH)) {
        let bytes = serde_json::to_vec(&value).map_err(|error| error.to_string())?;
        if own.as_str() != Some(&hash(&bytes)) {
            return Err("its contents are not what was saved".into());
        }
    }
    from_json(&value)
}

/// SHA-256 in hexadecimal.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
///
/// If it cannot be read.
pub fn hash_file(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = fs::File::open(path)?;
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            read => hash.update(&chunk[..read]),
        }
    }
    Ok(hexadecimal(hash))
}

/// Removes a folder with all that is in it, if it exists.
pub(crate) fn remove_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

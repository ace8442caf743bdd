//! Checkpoints by step: a folder that appears whole or not at all.
//!
//! `checkpoint/step-00000100/{model.bpk, optim.bpk, scheduler.bpk, meta.json}`. burn-train hands the three records
//! to three threads; they are staged in a hidden folder, and the last one to arrive hashes them, writes `meta.json`
//! and renames the folder. A process killed at any moment leaves the checkpoints before it untouched.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::train::checkpoint::{Checkpoint, Checkpointer, CheckpointerError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::RunConfig;
use crate::error::TrainError;
use crate::run_dir::write_atomic;

const PARTS: [&str; 3] = ["model.bpk", "optim.bpk", "scheduler.bpk"];

/// What stands beside the records of a checkpoint: `meta.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Meta {
    /// Optimizer steps done.
    pub step: usize,
    /// Loss of its last batch.
    pub train_loss: Option<f64>,
    /// Loss of the last validation before it.
    pub valid_loss: Option<f64>,
    /// The configuration that made it.
    pub config: RunConfig,
    /// The data set's fingerprint.
    pub dataset: String,
    /// Seconds of training behind it, over all sessions.
    pub seconds: f64,
    /// SHA-256 of each record.
    pub files: BTreeMap<String, String>,
}

/// The losses at a checkpoint.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    /// Of the last batch.
    pub train: Option<f64>,
    /// Of the last validation.
    pub valid: Option<f64>,
}

/// The checkpoints of a run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    keep_last: usize,
}

impl Checkpoints {
    /// Those in a folder, of which the last `keep_last` and the best are kept.
    pub fn new(folder: PathBuf, keep_last: usize) -> Self {
        Self { folder, keep_last }
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
        let folder = self.path(step);
        self.verified(&folder).map_err(|(file, reason)| TrainError::DamagedCheckpoint {
            path: folder.join(file),
            reason,
            earlier: self.steps().into_iter().rev().find(|&earlier| earlier < step),
        })
    }

    fn verified(&self, folder: &Path) -> Result<Meta, (String, String)> {
        let damaged = |file: &str, reason: String| (file.to_owned(), reason);
        let meta = read_meta(folder).map_err(|reason| damaged("meta.json", reason))?;
        for part in PARTS {
            let hash = hash_file(&folder.join(part)).map_err(|error| damaged(part, error.to_string()))?;
            if meta.files.get(part) != Some(&hash) {
                return Err(damaged(part, "its contents are not what was saved".into()));
            }
        }
        Ok(meta)
    }

    fn best(&self, steps: &[usize]) -> Option<usize> {
        let loss = |&step: &usize| read_meta(&self.path(step)).ok()?.valid_loss.map(|loss| (loss, step));
        steps.iter().filter_map(loss).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, step)| step)
    }

    fn prune(&self) -> io::Result<()> {
        let steps = self.steps();
        let best = self.best(&steps);
        let old = &steps[..steps.len().saturating_sub(self.keep_last)];
        for &step in old.iter().filter(|&&step| Some(step) != best) {
            fs::remove_dir_all(self.path(step))?;
        }
        Ok(())
    }
}

fn read_meta(folder: &Path) -> Result<Meta, String> {
    let text = fs::read_to_string(folder.join("meta.json")).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
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
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Collects the records of a checkpoint and commits them together.
#[derive(Clone)]
pub struct CheckpointWriter {
    checkpoints: Checkpoints,
    next: Arc<Mutex<Staged>>,
}

struct Staged {
    meta: Meta,
    arrived: usize,
}

impl CheckpointWriter {
    /// A writer for a run; `meta` holds what does not change between checkpoints.
    pub fn new(checkpoints: Checkpoints, meta: Meta) -> Self {
        Self { checkpoints, next: Arc::new(Mutex::new(Staged { meta, arrived: 0 })) }
    }

    /// Says what the next checkpoint will be described by, before its records are handed over.
    pub fn announce(&self, step: usize, losses: Losses, seconds: f64) {
        let mut next = self.lock();
        next.meta.step = step;
        next.meta.train_loss = losses.train;
        next.meta.valid_loss = losses.valid;
        next.meta.seconds = seconds;
    }

    /// The three parts in the order in which burn-train takes them: model, optimizer, scheduler.
    pub fn parts(&self) -> [CheckpointPart; 3] {
        PARTS.map(|file| CheckpointPart { writer: self.clone(), file })
    }

    fn lock(&self) -> MutexGuard<'_, Staged> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn staging(&self, step: usize) -> PathBuf {
        self.checkpoints.folder.join(format!(".step-{step:08}"))
    }

    fn stage(&self, step: usize, file: &str, save: impl FnOnce(PathBuf) -> SaveResult) -> SaveResult {
        let mut next = self.lock();
        let staging = self.staging(step);
        let io_error = |error| CheckpointerError::IOError(error);
        if next.arrived == 0 {
            remove_if_there(&staging).map_err(io_error)?;
        }
        fs::create_dir_all(&staging).map_err(io_error)?;
        let staged = save(staging.join(file)).and_then(|()| {
            next.arrived += 1;
            if next.arrived == PARTS.len() {
                self.commit(&mut next, &staging).map_err(io_error)
            } else {
                Ok(())
            }
        });
        if staged.is_err() {
            next.arrived = 0;
            let _ = fs::remove_dir_all(&staging);
        }
        staged
    }

    fn commit(&self, next: &mut Staged, staging: &Path) -> io::Result<()> {
        next.arrived = 0;
        for part in PARTS {
            next.meta.files.insert(part.to_owned(), hash_file(&staging.join(part))?);
        }
        let text = serde_json::to_vec_pretty(&next.meta)?;
        write_atomic(&staging.join("meta.json"), &text)?;
        let target = self.checkpoints.path(next.meta.step);
        remove_if_there(&target)?;
        fs::rename(staging, &target)?;
        if let Ok(folder) = fs::File::open(&self.checkpoints.folder) {
            // Makes the rename durable where the system can; elsewhere the rename alone must do.
            let _ = folder.sync_all();
        }
        self.checkpoints.prune()
    }
}

fn remove_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

type SaveResult = Result<(), CheckpointerError>;

/// One record of a checkpoint, as burn-train's learner writes and reads it.
pub struct CheckpointPart {
    writer: CheckpointWriter,
    file: &'static str,
}

impl<R: Checkpoint> Checkpointer<R> for CheckpointPart {
    fn save(&self, step: usize, record: R) -> SaveResult {
        self.writer.stage(step, self.file, |path| record.save(path))
    }

    /// Old checkpoints are removed whole, when a new one is committed.
    fn delete(&self, _: usize) -> SaveResult {
        Ok(())
    }

    fn restore(&self, step: usize) -> Result<R, CheckpointerError> {
        R::load(self.writer.checkpoints.path(step).join(self.file))
    }
}

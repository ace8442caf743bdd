use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::train::checkpoint::{Checkpoint, Checkpointer, CheckpointerError};
use data::write_atomically;

use crate::checkpoint::{Checkpoints, Losses, Meta, PARTS, STAGING, hash_file, remove_if_there};
use crate::spent::Spent;

/// Collects the records of each checkpoint and commits them together.
///
/// burn-train's threads hand over the parts of one checkpoint while the next is announced, so everything is kept by
/// step.
#[derive(Clone)]
pub struct CheckpointWriter {
    checkpoints: Checkpoints,
    run: Meta,
    pending: Arc<Mutex<BTreeMap<usize, Pending>>>,
}

struct Pending {
    meta: Meta,
    arrived: usize,
    /// Why a part of it could not be written; the parts that come later say the same.
    failed: Option<String>,
}

impl CheckpointWriter {
    /// A writer for a run; `run` holds what does not change between checkpoints.
    pub fn new(checkpoints: Checkpoints, run: Meta) -> Self {
        Self { checkpoints, run, pending: Arc::default() }
    }

    /// Says what a step's checkpoint is to be described by, before its records are handed over.
    pub fn announce(&self, step: usize, losses: Losses, spent: Spent) {
        let Spent { seconds, cpu_seconds } = spent;
        let meta = Meta { step, losses, seconds, cpu_seconds, ..self.run.clone() };
        self.lock().insert(step, Pending { meta, arrived: 0, failed: None });
    }

    /// The three parts in the order in which burn-train takes them: model, optimizer, scheduler.
    pub fn parts(&self) -> [CheckpointPart; 3] {
        PARTS.map(|file| CheckpointPart { writer: self.clone(), file })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage(&self, step: usize, file: &str, save: impl FnOnce(PathBuf) -> SaveResult) -> SaveResult {
        let mut pending = self.lock();
        let staging = self.checkpoints.folder.join(format!("{STAGING}{step:08}"));
        let staged = self.stage_part(&mut pending, step, &staging, file, save);
        staged.map_err(|error| {
            let _ = fs::remove_dir_all(&staging);
            let reason = match error {
                CheckpointerError::IOError(error) => error.to_string(),
                CheckpointerError::Record(error) => error.to_string(),
                CheckpointerError::Unknown(reason) => reason,
            };
            if let Some(next) = pending.get_mut(&step) {
                next.failed = Some(reason.clone());
            }
            let path = self.checkpoints.path(step);
            CheckpointerError::Unknown(format!("failed to write the checkpoint {}: {reason}", path.display()))
        })
    }

    fn stage_part(
        &self,
        pending: &mut BTreeMap<usize, Pending>,
        step: usize,
        staging: &Path,
        file: &str,
        save: impl FnOnce(PathBuf) -> SaveResult,
    ) -> SaveResult {
        let Some(next) = pending.get_mut(&step) else {
            return Err(CheckpointerError::Unknown("it was not announced".into()));
        };
        if let Some(reason) = &next.failed {
            return Err(CheckpointerError::Unknown(reason.clone()));
        }
        if next.arrived == 0 {
            remove_if_there(staging).map_err(CheckpointerError::IOError)?;
            fs::create_dir_all(staging).map_err(CheckpointerError::IOError)?;
        }
        save(staging.join(file))?;
        next.arrived += 1;
        if next.arrived < PARTS.len() {
            return Ok(());
        }
        self.commit(&mut next.meta, staging)?;
        pending.remove(&step);
        Ok(())
    }

    fn commit(&self, meta: &mut Meta, staging: &Path) -> SaveResult {
        let io_error = CheckpointerError::IOError;
        for part in PARTS {
            meta.files.insert(part.to_owned(), hash_file(&staging.join(part)).map_err(io_error)?);
        }
        let text = serde_json::to_vec_pretty(&meta).map_err(|error| io_error(error.into()))?;
        write_atomically(&staging.join("meta.json"), |file| file.write_all(&text))
            .map_err(|error| CheckpointerError::Unknown(error.to_string()))?;
        let target = self.checkpoints.path(meta.step);
        remove_if_there(&target).map_err(io_error)?;
        fs::rename(staging, &target).map_err(io_error)?;
        if let Ok(folder) = fs::File::open(&self.checkpoints.folder) {
            // Makes the rename durable where the system can; elsewhere the rename alone must do.
            let _ = folder.sync_all();
        }
        self.checkpoints.prune(meta.step).map_err(io_error)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TrainConfig;
    use std::io;

    fn writer(folder: &Path, keep_last: usize) -> CheckpointWriter {
        let run = Meta {
            step: 0,
            losses: Losses::default(),
            config: serde_json::Value::Null,
            dataset: String::new(),
            seconds: 0.0,
            cpu_seconds: 0.0,
            files: BTreeMap::new(),
        };
        CheckpointWriter::new(Checkpoints::new(folder.to_path_buf(), keep_last), run)
    }

    fn part(writer: &CheckpointWriter, step: usize, file: &str) -> SaveResult {
        writer.stage(step, file, |path| {
            fs::write(path, format!("{step} {file}")).map_err(CheckpointerError::IOError)
        })
    }

    fn save(writer: &CheckpointWriter, step: usize, losses: Losses) {
        writer.announce(step, losses, Spent::default());
        PARTS.iter().for_each(|file| part(writer, step, file).unwrap());
    }

    /// burn-train's threads may still hold parts of one checkpoint when the next is announced.
    #[test]
    fn checkpoints_that_overlap_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path(), 5);
        let spent = |seconds| Spent { seconds, cpu_seconds: 2.0 * seconds };
        writer.announce(50, Losses::default(), spent(1.0));
        part(&writer, 50, PARTS[0]).unwrap();
        writer.announce(51, Losses::default(), spent(2.0));
        part(&writer, 51, PARTS[0]).unwrap();
        part(&writer, 50, PARTS[1]).unwrap();
        part(&writer, 51, PARTS[1]).unwrap();
        part(&writer, 50, PARTS[2]).unwrap();
        assert_eq!(writer.checkpoints.steps(), [50]);
        part(&writer, 51, PARTS[2]).unwrap();
        for (step, seconds) in [(50, 1.0), (51, 2.0)] {
            let meta = writer.checkpoints.verify(step).unwrap();
            assert_eq!((meta.step, meta.seconds, meta.cpu_seconds), (step, seconds, 2.0 * seconds));
            let model = fs::read_to_string(writer.checkpoints.path(step).join(PARTS[0])).unwrap();
            assert_eq!(model, format!("{step} {}", PARTS[0]));
        }
    }

    #[test]
    fn the_last_few_and_the_best_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path(), 2);
        for (step, valid, valid_step) in
            [(10, 0.5, 10), (20, 0.3, 20), (30, 0.1, 25), (40, 0.4, 40), (50, 0.6, 50)]
        {
            save(&writer, step, Losses { train: None, valid: Some(valid), valid_step });
        }
        // Step 30 carries the loss of step 25, whose weights it does not hold.
        assert_eq!(writer.checkpoints.steps(), [20, 40, 50]);
    }

    #[test]
    fn going_back_puts_later_checkpoints_aside_and_keeps_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path(), 1);
        let checkpoints = Checkpoints::new(folder.path().to_path_buf(), TrainConfig::default().keep_last);
        save(&writer, 100, Losses { valid: Some(0.1), valid_step: 100, ..Losses::default() });
        save(&writer, 200, Losses::default());
        writer.announce(300, Losses::default(), Spent::default());
        part(&writer, 300, PARTS[0]).unwrap();
        checkpoints.go_back_to(100).unwrap();
        assert_eq!(checkpoints.steps(), [100]);
        assert!(folder.path().join("abandoned/step-00000200/meta.json").exists());
        assert!(!folder.path().join(".step-00000300").exists());
        save(&writer, 110, Losses::default());
        assert_eq!(checkpoints.steps(), [100, 110]);
    }

    #[test]
    fn a_part_that_cannot_be_written_spoils_its_checkpoint_only() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path(), 2);
        save(&writer, 10, Losses::default());
        writer.announce(20, Losses::default(), Spent::default());
        part(&writer, 20, PARTS[0]).unwrap();
        let full = || CheckpointerError::IOError(io::Error::other("no space left"));
        let error = writer.stage(20, PARTS[1], |_| Err(full())).unwrap_err().to_string();
        assert!(error.contains("step-00000020") && error.contains("no space left"), "{error}");
        let again = part(&writer, 20, PARTS[2]).unwrap_err().to_string();
        assert!(again.contains("no space left"), "{again}");
        assert_eq!(writer.checkpoints.steps(), [10]);
        writer.checkpoints.verify(10).unwrap();
    }
}

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::store::ModuleRecord;
use burn::train::checkpoint::{Checkpoint, Checkpointer, CheckpointerError};
use burn_pack::Reader;
use data::write_atomically;

use crate::checkpoint::{Checkpoints, EMA, Losses, Meta, PARTS, STAGING, hash_file, remove_if_there};
use crate::spent::Spent;
use crate::weights::check_numbers;

/// What is staged for a checkpoint.
const STAGED: [&str; 4] = [EMA, PARTS[0], PARTS[1], PARTS[2]];

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

    /// Says what a step's checkpoint is to be described by, and stages its averaged weights, before its records are handed
    /// over.
    ///
    /// # Errors
    ///
    /// If the weights cannot be written.
    pub fn announce(&self, step: usize, losses: Losses, spent: Spent, ema: ModuleRecord) -> SaveResult {
        let Spent { seconds, cpu_seconds } = spent;
        let meta = Meta { step, losses, seconds, cpu_seconds, ..self.run.clone() };
        self.lock().insert(step, Pending { meta, arrived: 0, failed: None });
        self.stage(step, EMA, |path| ema.save(path).map_err(CheckpointerError::Record))
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
        if next.arrived < STAGED.len() {
            return Ok(());
        }
        self.commit(&mut next.meta, staging)?;
        pending.remove(&step);
        Ok(())
    }

    fn commit(&self, meta: &mut Meta, staging: &Path) -> SaveResult {
        let io_error = CheckpointerError::IOError;
        for part in STAGED {
            let path = staging.join(part);
            let reader = Reader::from_file(&path).map_err(|error| io_error(io::Error::other(error)))?;
            check_numbers(reader)
                .map_err(|reason| CheckpointerError::Unknown(format!("{part}: {reason}")))?;
            meta.files.insert(part.to_owned(), hash_file(&path).map_err(io_error)?);
        }
        let text = meta.sealed().map_err(|error| io_error(error.into()))?;
        write_atomically(&staging.join("meta.json"), |file| file.write_all(&text))
            .map_err(|error| CheckpointerError::Unknown(error.to_string()))?;
        let target = self.checkpoints.path(meta.step);
        remove_if_there(&target).map_err(io_error)?;
        fs::rename(staging, &target).map_err(io_error)?;
        if let Ok(folder) = fs::File::open(&self.checkpoints.folder) {
            // Makes the rename durable where the system can; elsewhere the rename alone must do.
            let _ = folder.sync_all();
        }
        // Only then may the checkpoint go that tells of the averaged weights before these.
        self.checkpoints.publish_ema(meta.step).map_err(io_error)?;
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
    use burn::module::Module;
    use burn::nn::{Linear, LinearConfig};
    use burn::prelude::*;

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
        CheckpointWriter::new(Checkpoints::new(folder.join("checkpoint"), keep_last), run)
    }

    /// A record of one number.
    fn record(value: f32) -> ModuleRecord {
        let weight = Tensor::<2>::full([1, 1], value, &Device::flex());
        let linear: Linear = LinearConfig::new(1, 1).with_bias(false).init(&Device::flex());
        Linear { weight: burn::module::Param::from_tensor(weight), ..linear }.into_record()
    }

    fn announce(writer: &CheckpointWriter, step: usize, losses: Losses, spent: Spent) {
        writer.announce(step, losses, spent, record(step as f32)).unwrap();
    }

    fn part(writer: &CheckpointWriter, step: usize, file: &str) -> SaveResult {
        writer.stage(step, file, |path| record(step as f32).save(path).map_err(CheckpointerError::Record))
    }

    fn save(writer: &CheckpointWriter, step: usize, losses: Losses) {
        announce(writer, step, losses, Spent::default());
        PARTS.iter().for_each(|file| part(writer, step, file).unwrap());
    }

    fn is_of_step(path: &Path, step: usize) -> bool {
        let reader = Reader::from_file(path).unwrap();
        reader.tensor_data("weight").unwrap() == (step as f32).to_le_bytes()
    }

    /// burn-train's threads may still hold parts of one checkpoint when the next is announced.
    #[test]
    fn checkpoints_that_overlap_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path(), 5);
        let spent = |seconds| Spent { seconds, cpu_seconds: 2.0 * seconds };
        announce(&writer, 50, Losses::default(), spent(1.0));
        part(&writer, 50, PARTS[0]).unwrap();
        announce(&writer, 51, Losses::default(), spent(2.0));
        part(&writer, 51, PARTS[0]).unwrap();
        part(&writer, 50, PARTS[1]).unwrap();
        part(&writer, 51, PARTS[1]).unwrap();
        part(&writer, 50, PARTS[2]).unwrap();
        assert_eq!(writer.checkpoints.steps(), [50]);
        part(&writer, 51, PARTS[2]).unwrap();
        for (step, seconds) in [(50, 1.0), (51, 2.0)] {
            let meta = writer.checkpoints.verify(step).unwrap();
            assert_eq!((meta.step, meta.seconds, meta.cpu_seconds), (step, seconds, 2.0 * seconds));
            assert!(is_of_step(&writer.checkpoints.path(step).join(PARTS[0]), step));
        }
        assert!(is_of_step(&writer.checkpoints.ema(), 51));
    }

    /// Whatever `keep_last` says, and also where only the optimizer has lost its numbers.
    #[test]
    fn what_is_no_number_is_not_saved() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path(), 1);
        save(&writer, 10, Losses::default());
        for (place, wrong) in [EMA, PARTS[0], PARTS[1]].into_iter().zip([f32::NAN, f32::INFINITY, f32::NAN]) {
            let value = |file| if file == place { wrong } else { 1.0 };
            writer.announce(20, Losses::default(), Spent::default(), record(value(EMA))).unwrap();
            let stage = |file| {
                writer
                    .stage(20, file, |path| record(value(file)).save(path).map_err(CheckpointerError::Record))
            };
            stage(PARTS[0]).unwrap();
            stage(PARTS[1]).unwrap();
            let error = stage(PARTS[2]).unwrap_err().to_string();
            assert!(error.contains(&format!("{place}: weight holds NaN or infinities")), "{error}");
            assert_eq!(writer.checkpoints.steps(), [10]);
            assert!(is_of_step(&writer.checkpoints.ema(), 10));
        }
    }

    /// A process that died right behind the rename of the checkpoint.
    #[test]
    fn averaged_weights_that_were_left_with_their_checkpoint_are_published() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path(), 2);
        save(&writer, 10, Losses::default());
        save(&writer, 20, Losses::default());
        fs::rename(writer.checkpoints.ema(), writer.checkpoints.path(20).join(EMA)).unwrap();
        writer.checkpoints.go_back_to(20).unwrap();
        assert!(is_of_step(&writer.checkpoints.ema(), 20));
    }

    #[test]
    fn a_description_that_was_changed_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path(), 2);
        save(&writer, 10, Losses { valid: Some(0.1), valid_step: 10, ..Losses::default() });
        let path = writer.checkpoints.path(10).join("meta.json");
        let whole = fs::read_to_string(&path).unwrap();
        let saved = "its contents are not what was saved";
        for (from, to, expected) in [
            ("\"valid\": 0.1", "\"valid\": 0.2", saved),
            ("\"cpu_seconds\"", "\"cpu_secondz\"", saved),
            ("\"sha256\"", "\"sha257\"", "unknown field `sha257`"),
        ] {
            fs::write(&path, whole.replace(from, to)).unwrap();
            let error = writer.checkpoints.verify(10).unwrap_err().to_string();
            assert!(error.contains(&format!("meta.json: {expected}")), "{error}");
        }
        // Earlier versions wrote none.
        let own = whole.lines().find(|line| line.contains(" \"sha256\": ")).unwrap();
        fs::write(&path, whole.replace(own, "")).unwrap();
        writer.checkpoints.verify(10).unwrap();
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
        let checkpoints =
            Checkpoints::new(folder.path().join("checkpoint"), TrainConfig::default().keep_last);
        save(&writer, 100, Losses { valid: Some(0.1), valid_step: 100, ..Losses::default() });
        save(&writer, 200, Losses::default());
        announce(&writer, 300, Losses::default(), Spent::default());
        part(&writer, 300, PARTS[0]).unwrap();
        checkpoints.go_back_to(100).unwrap();
        assert_eq!(checkpoints.steps(), [100]);
        assert!(checkpoints.folder.join("abandoned/step-00000200/meta.json").exists());
        assert!(!checkpoints.folder.join(".step-00000300").exists());
        save(&writer, 110, Losses::default());
        assert_eq!(checkpoints.steps(), [100, 110]);
    }

    #[test]
    fn a_part_that_cannot_be_written_spoils_its_checkpoint_only() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path(), 2);
        save(&writer, 10, Losses::default());
        announce(&writer, 20, Losses::default(), Spent::default());
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

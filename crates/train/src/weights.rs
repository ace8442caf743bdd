use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::prelude::*;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, DType};
use burn_pack::Reader;
use serde_json::Value;

use crate::RunDir;
use crate::changes::training_changes;
use crate::checkpoint::{Checkpoints, MODEL, Meta, hash};
use crate::error::TrainError;
use crate::record::Record;
use crate::system::{System, SystemConfig};
use crate::tables::from_json;
use crate::trainee::Trainee;

/// How often a file is read that a training may be replacing.
const ATTEMPTS: usize = 5;

/// Weights as they stood in a run: read whole and checked, so that what a training does to the folder later does not matter.
#[derive(Clone, Debug)]
pub struct Weights {
    path: PathBuf,
    hash: String,
    record: ModuleRecord,
    meta: Option<Meta>,
    /// The configuration in the record of the run that bare weights lie in.
    recorded: Option<Value>,
}

impl Weights {
    /// Reads averaged weights, a run's `ema.bpk`, or the folder of a checkpoint.
    ///
    /// # Errors
    ///
    /// If a file is missing, is not what was saved as far as the run tells, or holds what is no number.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let (file, meta) = match path.is_dir() {
            true => (path.join(MODEL), Some(Meta::read(path)?)),
            false => (path.to_path_buf(), None),
        };
        let (bytes, hash) = match &meta {
            Some(meta) => of_checkpoint(path, meta)?,
            None => read_checked(&file)?,
        };
        let failed = |reason: String| TrainError::Weights { path: file.clone(), reason };
        let bytes = Bytes::from_bytes_vec(bytes).shared();
        let reader = Reader::from_bytes(bytes.clone()).map_err(|error| failed(error.to_string()))?;
        check_numbers(reader).map_err(|reason| {
            failed(format!("{reason}: the training diverged: use an earlier checkpoint, or train again"))
        })?;
        let record = ModuleRecord::from_bytes(bytes).map_err(|error| failed(error.to_string()))?;
        let recorded = match meta {
            Some(_) => None,
            None => Record::read_if_there(&run_of(path))?.map(|record| record.config),
        };
        Ok(Self { path: path.to_path_buf(), hash, record, meta, recorded })
    }

    /// The weights of a run's newest checkpoint; none where it has no checkpoint.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn newest(run: &RunDir) -> Result<Option<Self>, TrainError> {
        let checkpoints = Checkpoints::new(run.checkpoints(), 1);
        let mut failed = None;
        for _ in 0..ATTEMPTS {
            let Some(&step) = checkpoints.steps().last() else { return Ok(None) };
            match Self::read(&checkpoints.path(step)) {
                // A training may have removed it since.
                Err(error) if checkpoints.path(step).exists() => return Err(error),
                Err(error) => failed = Some(error),
                Ok(weights) => return Ok(Some(weights)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// What was read: the file of averaged weights, or the folder of a checkpoint.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 of the file.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The description of the checkpoint; none for bare averaged weights.
    pub fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    /// The network of a configuration with the averaged weights.
    ///
    /// # Errors
    ///
    /// If they are those of another network, or the run was trained with another configuration.
    pub(crate) fn averaged<S: System>(
        &self,
        config: &S::Config,
        device: &Device,
    ) -> Result<S::Net, TrainError> {
        match self.meta {
            Some(_) => Ok(self.trainee::<S>(config, device)?.ema),
            None => {
                self.check_configuration(config)?;
                self.loaded(S::init(config, device)?)
            }
        }
    }

    /// Refuses a configuration that differs from the one in the record in what the network was trained with.
    fn check_configuration<C: SystemConfig>(&self, config: &C) -> Result<(), TrainError> {
        let recorded = self.recorded.as_ref().and_then(|recorded| from_json::<C>(recorded).ok());
        let changes = recorded.map_or(Vec::new(), |recorded| training_changes(&recorded, config));
        match changes.is_empty() {
            true => Ok(()),
            false => Err(TrainError::Config {
                origin: run_of(&self.path).config().display().to_string(),
                reason: format!(
                    "the run was trained with another configuration, which its record.json holds ({}): put these keys back",
                    changes.join(", ")
                ),
            }),
        }
    }

    /// The network of a configuration with the weights that gradients moved, not their average.
    ///
    /// # Errors
    ///
    /// If they are those of another network, or bare averaged ones.
    pub(crate) fn raw<S: System>(&self, config: &S::Config, device: &Device) -> Result<S::Net, TrainError> {
        match self.meta {
            Some(_) => Ok(self.trainee::<S>(config, device)?.net),
            None => Err(self.unfit("it holds averaged weights only: give the folder of a checkpoint".into())),
        }
    }

    fn trainee<S: System>(&self, config: &S::Config, device: &Device) -> Result<Trainee<S>, TrainError> {
        self.loaded(Trainee::<S>::new(S::init(config, device)?, S::new(config)?, 0))
    }

    fn loaded<M: Module>(&self, module: M) -> Result<M, TrainError> {
        module.try_load_record(self.record.clone()).map_err(|error| self.unfit(error.to_string()))
    }

    fn unfit(&self, reason: String) -> TrainError {
        TrainError::Weights { path: self.path.clone(), reason }
    }
}

/// The file of a checkpoint that holds its weights, and its hash.
fn of_checkpoint(folder: &Path, meta: &Meta) -> Result<(Vec<u8>, String), TrainError> {
    let path = folder.join(MODEL);
    let damaged =
        |reason: String| TrainError::DamagedCheckpoint { path: path.clone(), reason, earlier: None };
    let bytes = fs::read(&path).map_err(|error| damaged(error.to_string()))?;
    let hash = hash(&bytes);
    match meta.files.get(MODEL) {
        Some(known) if *known == hash => Ok((bytes, hash)),
        _ => Err(damaged("its contents are not what was saved".into())),
    }
}

/// Reads a file of a run and checks it against what the run's record and checkpoints tell of it. A file of which they tell
/// nothing, as in runs of earlier versions, is taken as it is.
///
/// # Errors
///
/// If it cannot be read, or is another than any that was saved.
pub(crate) fn read_checked(path: &Path) -> Result<(Vec<u8>, String), TrainError> {
    let failed = |reason: String| TrainError::Weights { path: path.to_path_buf(), reason };
    let mut before = None;
    for _ in 0..ATTEMPTS {
        let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
        let hash = hash(&bytes);
        let known = known_hashes(path)?;
        if known.is_empty() || known.contains(&hash) {
            return Ok((bytes, hash));
        }
        // A training may have written a newer one since; what stays as it is, is damaged.
        if before.replace(hash.clone()) == Some(hash) {
            break;
        }
    }
    let reason = "their SHA-256 is not the one in record.json, nor one in checkpoint/*/meta.json: use `--checkpoint` with a \
                  folder under checkpoint/";
    Err(failed(reason.into()))
}

/// The run that a file lies in.
fn run_of(path: &Path) -> RunDir {
    RunDir::new(path.parent().unwrap_or(Path::new("")))
}

/// What the run that a file lies in tells of it.
fn known_hashes(path: &Path) -> Result<BTreeSet<String>, TrainError> {
    let run = run_of(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut known = BTreeSet::new();
    if let Some(mut record) = Record::read_if_there(&run)? {
        known.extend(record.files.remove(name.as_ref()));
    }
    let checkpoints = Checkpoints::new(run.checkpoints(), 1);
    let metas = checkpoints.steps().into_iter().filter_map(|step| Meta::read(&checkpoints.path(step)).ok());
    known.extend(metas.filter_map(|mut meta| meta.files.remove(name.as_ref())));
    Ok(known)
}

/// Refuses tensors that hold what is no number.
///
/// # Errors
///
/// The name of the first.
pub(crate) fn check_numbers(reader: Reader) -> Result<(), String> {
    for tensor in reader.into_tensors().map_err(|error| error.to_string())? {
        let (name, dtype, _, _, bytes) = tensor.into_parts().map_err(|error| error.to_string())?;
        if dtype == DType::F32 && !kernels::all_finite(&bytes) {
            return Err(format!("{name} holds NaN or infinities"));
        }
    }
    Ok(())
}

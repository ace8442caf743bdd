use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use data::write_atomically;

use super::config::StageConfig;
use super::{Augmentation, CascadeConfig, SuperResolutionConfig, SuperResolutionModel, TrainedCascade};
use crate::changes::training_changes;
use crate::error::TrainError;
use crate::system::SystemConfig;
use crate::{Record, RunConfig, RunDir, TrainedModel, Weights};

/// The files of a cascade: `runs/<name>/`, with a run for each stage in `stage-N/`.
#[derive(Clone, Debug)]
pub struct CascadeDir(PathBuf);

impl CascadeDir {
    /// The cascade kept in a folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// The run of a stage, from 1.
    pub fn stage(&self, number: usize) -> RunDir {
        RunDir::new(self.0.join(format!("stage-{number}")))
    }

    /// Writes the configuration.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn keep(&self, config: &CascadeConfig) -> Result<(), TrainError> {
        let text = config.text()?;
        fs::create_dir_all(&self.0).map_err(TrainError::io("create", &self.0))?;
        Ok(write_atomically(&self.config(), |file| file.write_all(text.as_bytes()))?)
    }

    /// Records how a stage is given the images below when it is sampled from, with the cascade and with the stage itself.
    ///
    /// # Errors
    ///
    /// If there is no such stage, or a configuration cannot be read and written.
    pub fn keep_augmentation(&self, number: usize, augmentation: Augmentation) -> Result<(), TrainError> {
        let mut config = CascadeConfig::read(&self.config(), &[])?;
        let path = self.stage(number).config();
        let mut stage = SuperResolutionConfig::load(&path)?;
        stage.low_resolution.augment(augmentation);
        config.augment(number, augmentation);
        self.keep(&config)?;
        let text = toml::to_string_pretty(&stage).map_err(|error| TrainError::Config {
            origin: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Ok(write_atomically(&path, |file| file.write_all(text.as_bytes()))?)
    }

    /// How a trained stage is given the images below, as it was recorded.
    pub(super) fn recorded_augmentation(&self, number: usize) -> Option<Augmentation> {
        let trained = self.stage(number).ema().exists();
        CascadeConfig::read(&self.config(), &[]).ok().filter(|_| trained)?.augmentation(number)
    }

    /// Reads all stages, each checked against the cascade.
    ///
    /// # Errors
    ///
    /// If a stage is missing, damaged, or of another cascade.
    pub fn load(&self, device: &Device) -> Result<TrainedCascade, TrainError> {
        let config = CascadeConfig::read(&self.config(), &[])?;
        let stages = config.kept()?;
        for (number, stage) in (1..).zip(&stages) {
            self.check(&config, number, stage)?;
        }
        let weights: Vec<Weights> = (1..=stages.len())
            .map(|number| Weights::read(&self.stage(number).ema()))
            .collect::<Result<_, _>>()?;
        let (mut base, mut upper) = (None, Vec::new());
        for (weights, stage) in weights.iter().zip(&stages) {
            match stage {
                StageConfig::Base(config) => {
                    base = Some((TrainedModel::load(weights, config, device)?, config.as_ref().clone()));
                }
                StageConfig::SuperResolution(config) => {
                    upper.push(SuperResolutionModel::load(weights, config, device)?);
                }
            }
        }
        let base = base.ok_or_else(|| TrainError::MissingStage { path: self.0.clone(), number: 1 })?;
        let (base, base_config) = base;
        let weights = weights.iter().map(|weights| weights.hash().to_owned()).collect();
        Ok(TrainedCascade { base, base_config, upper, weights })
    }

    /// Whether the stage in its folder is the one of the cascade.
    fn check(&self, config: &CascadeConfig, number: usize, stage: &StageConfig) -> Result<(), TrainError> {
        let run = self.stage(number);
        if !run.ema().exists() {
            return Err(TrainError::MissingStage { path: self.0.clone(), number });
        }
        let mut changes = match stage {
            StageConfig::Base(config) => changes::<RunConfig>(&run, config)?,
            StageConfig::SuperResolution(config) => changes::<SuperResolutionConfig>(&run, config)?,
        };
        let data = Record::read(&run).map(|record| record.dataset);
        if data.is_some() && data.as_deref() != config.fingerprint(number) {
            changes.push("trained on another data set".into());
        }
        if !changes.is_empty() {
            let (path, changes) = (run.path().to_path_buf(), changes.join(", "));
            return Err(TrainError::OtherCascade { path, number, changes });
        }
        Ok(())
    }
}

fn changes<C: SystemConfig>(run: &RunDir, expected: &C) -> Result<Vec<String>, TrainError> {
    match crate::system::load_config::<C>(&run.config()) {
        Ok(own) => Ok(training_changes(expected, &own)),
        Err(TrainError::Config { reason, .. }) => Ok(vec![reason]),
        Err(error) => Err(error),
    }
}

use std::path::PathBuf;
use std::time::{Duration, Instant};

use backend::BackendName;
use burn::train::Interrupter;
use terminal::say;

use super::config::StageConfig;
use super::draft::Stage;
use super::{Augmentation, CascadeConfig, CascadeDir, SuperResolution};
use crate::changes::training_changes;
use crate::checkpoint::Checkpoints;
use crate::error::TrainError;
use crate::system::System;
use crate::{Objective, Outcome, Record, RunDir, Session};

/// One sitting of a cascade's training: its stages in turn, or one of them.
pub struct CascadeSession {
    /// Where the cascade is kept.
    pub run: CascadeDir,
    /// The resolved configuration.
    pub config: CascadeConfig,
    /// All stages.
    pub stages: Vec<Stage>,
    /// The only stage to train, from 1.
    pub only: Option<usize>,
    /// Which backend.
    pub backend: BackendName,
    /// Which of its devices.
    pub device_index: usize,
    /// Whether to go on from checkpoints where there are any; from which, of one stage.
    pub resume: Option<Option<usize>>,
    /// Time to stop after.
    pub budget: Option<Duration>,
    /// Plain lines even on a terminal.
    pub plain: bool,
    /// Stops the training from outside.
    pub interrupter: Interrupter,
}

impl CascadeSession {
    /// Trains; tells `finished` of each stage.
    ///
    /// # Errors
    ///
    /// Before any work: if a stage's folder is taken or holds a stage of another cascade, or a checkpoint does not fit.
    /// Later: as [`Session::train`].
    pub fn train(mut self, finished: &mut dyn FnMut(&Outcome)) -> Result<(), TrainError> {
        let (started, all) = (Instant::now(), self.stages.len());
        self.check_all()?;
        self.keep_fingerprints();
        let mut kept = self.config.clone();
        self.run.keep(&kept)?;
        for stage in self.stages.iter().filter(|stage| self.trains(stage.number)) {
            let [_, side, _] = stage.splits.image_shape();
            say(format_args!(
                "stage {} of {all}: {side}x{side} in {}",
                stage.number,
                self.folder(stage).display()
            ));
            if kept.set_fingerprint(stage.number, stage.splits.fingerprint()) {
                self.run.keep(&kept)?;
            }
            let left = self.budget.map(|budget| budget.saturating_sub(started.elapsed()));
            let outcome = match &stage.config {
                StageConfig::Base(config) => self.session::<Objective>(stage, config, left).train(),
                StageConfig::SuperResolution(config) => {
                    self.session::<SuperResolution>(stage, config, left).train()
                }
            };
            let outcome = outcome.map_err(|error| named(stage.number, error))?;
            finished(&outcome);
            if outcome.interrupted.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Whether the folder of each stage is free or its checkpoint fits.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train) before any work.
    pub fn check_all(&mut self) -> Result<(), TrainError> {
        self.keep_augmentations();
        self.stages.iter().try_for_each(|stage| self.check(stage).map_err(|error| named(stage.number, error)))
    }

    /// Leaves trained stages the s that was chosen for them, which is no matter of training.
    fn keep_augmentations(&mut self) {
        for stage in &mut self.stages {
            let StageConfig::SuperResolution(config) = &mut stage.config else { continue };
            let low = &mut config.low_resolution;
            let (number, own) = (stage.number, Augmentation { level: low.level, truncated: low.truncated });
            let fits = |it: &Augmentation| *it != own && low.validate_level(it.level, it.truncated).is_ok();
            let Some(recorded) = self.run.recorded_augmentation(number).filter(fits) else { continue };
            low.augment(recorded);
            self.config.augment(number, recorded);
            say(format_args!(
                "stage {number} keeps s = {}{}, as it was recorded, not {}: change it in {}",
                recorded.level,
                if recorded.truncated { ", truncated" } else { "" },
                own.level,
                self.run.config().display()
            ));
        }
    }

    /// Leaves stages the fingerprint of their data that they recorded, as long as it fits, until they are trained.
    fn keep_fingerprints(&mut self) {
        for stage in &self.stages {
            let recorded = Record::read(&self.run.stage(stage.number)).map(|record| record.dataset);
            if let Some(recorded) = recorded.filter(|recorded| stage.splits.has_fingerprint(recorded)) {
                self.config.set_fingerprint(stage.number, &recorded);
            }
        }
    }

    fn trains(&self, number: usize) -> bool {
        self.only.is_none_or(|only| only == number)
    }

    fn folder(&self, stage: &Stage) -> PathBuf {
        self.run.stage(stage.number).path().to_path_buf()
    }

    fn session<S: System>(&self, stage: &Stage, config: &S::Config, budget: Option<Duration>) -> Session<S> {
        let run = self.run.stage(stage.number);
        // Where the stage before was interrupted, this one has nothing to go on from.
        let begun = self.only.is_some() || !checkpoints(&run).steps().is_empty();
        Session {
            run,
            config: config.clone(),
            splits: stage.splits.clone(),
            backend: self.backend,
            device_index: self.device_index,
            resume: self.resume.filter(|_| begun),
            budget,
            plain: self.plain,
            interrupter: self.interrupter.clone(),
        }
    }

    /// Refuses what would fail later.
    fn check(&self, stage: &Stage) -> Result<(), TrainError> {
        match &stage.config {
            StageConfig::Base(config) => self.check_stage::<Objective>(stage, config),
            StageConfig::SuperResolution(config) => self.check_stage::<SuperResolution>(stage, config),
        }
    }

    fn check_stage<S: System>(&self, stage: &Stage, config: &S::Config) -> Result<(), TrainError> {
        if self.trains(stage.number) {
            return self.session::<S>(stage, config, None).check();
        }
        let run = self.run.stage(stage.number);
        let there = checkpoints(&run);
        let Some(&newest) = there.steps().last() else { return Ok(()) };
        let meta = there.verify(newest)?;
        let mut changes = training_changes(&meta.config::<S::Config>(&there.path(newest))?, config);
        if !stage.splits.has_fingerprint(&meta.dataset) {
            changes.push("trained on another data set".into());
        }
        if changes.is_empty() {
            return Ok(());
        }
        let (path, number, changes) = (run.path().to_path_buf(), stage.number, changes.join(", "));
        Err(TrainError::OtherCascade { path, number, changes })
    }
}

fn checkpoints(run: &RunDir) -> Checkpoints {
    Checkpoints::new(run.checkpoints(), usize::MAX)
}

fn named(number: usize, error: TrainError) -> TrainError {
    TrainError::Stage { number, error: Box::new(error) }
}

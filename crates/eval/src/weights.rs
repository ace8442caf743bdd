use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use burn::prelude::*;
use clap::ValueEnum;
use train::cascade::{StageConfig, SuperResolutionConfig, SuperResolutionModel};
use train::{
    Checkpoints, LatentRunConfig, Record, RunConfig, RunDir, SystemName, TrainedLatent, TrainedModel,
    hash_file,
};

use crate::model::{LatentModel, Model};

/// Which weights of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Their moving average, which is sampled from.
    Ema,
    /// Those that gradients moved, in a run's last checkpoint.
    Raw,
}

impl Kind {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ema => "ema",
            Self::Raw => "raw",
        }
    }
}

/// Weights on the disk.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Which they are.
    pub kind: Kind,
    /// SHA-256 of their file.
    pub hash: String,
    /// A file of averaged weights, or a folder of a checkpoint.
    path: PathBuf,
    config: ModelConfig,
}

/// What the weights are of.
#[derive(Clone, Debug)]
enum ModelConfig {
    Pixels(StageConfig),
    Latents(Box<LatentRunConfig>),
}

impl Weights {
    /// The weights of a run that are asked for, all there are if none is; those of its last checkpoint, where it has one.
    ///
    /// # Errors
    ///
    /// If they are missing or damaged.
    pub fn of(run: &RunDir, asked: &[Kind]) -> Result<Vec<Self>> {
        let checkpoints = Checkpoints::new(run.checkpoints(), 1);
        if let Some(&step) = checkpoints.steps().last() {
            let folder = checkpoints.path(step);
            let meta = checkpoints.verify(step)?;
            let config = match SystemName::of(&run.config())? {
                SystemName::SuperResolution => {
                    let mut config: SuperResolutionConfig = meta.config(&folder)?;
                    // The s that was chosen after the training.
                    let own = SuperResolutionConfig::load(&run.config())?.low_resolution;
                    config.low_resolution.level = own.level;
                    ModelConfig::Pixels(StageConfig::SuperResolution(Box::new(config)))
                }
                SystemName::Latent => ModelConfig::Latents(Box::new(meta.config(&folder)?)),
                _ => ModelConfig::Pixels(StageConfig::Base(Box::new(meta.config(&folder)?))),
            };
            let hash = meta.files.get("model.bpk").cloned().unwrap_or_default();
            let asked = match (&config, asked) {
                (ModelConfig::Latents(_), asked) if asked.contains(&Kind::Raw) => {
                    bail!("--weights raw: of a model of latents only ema is judged: leave it out")
                }
                (ModelConfig::Latents(_), []) => &[Kind::Ema],
                (_, []) => &[Kind::Ema, Kind::Raw][..],
                _ => asked,
            };
            let weights = |&kind: &Kind| Self {
                kind,
                hash: hash.clone(),
                path: folder.clone(),
                config: config.clone(),
            };
            return Ok(asked.iter().map(weights).collect());
        }
        if asked.contains(&Kind::Raw) {
            bail!("no checkpoint in {}: only --weights ema can be judged", run.checkpoints().display());
        }
        Record::verify_weights(run)?;
        let path = run.ema();
        let hash = hash_file(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let config = match SystemName::of(&run.config())? {
            SystemName::SuperResolution => {
                let config = SuperResolutionConfig::load(&run.config())?;
                ModelConfig::Pixels(StageConfig::SuperResolution(Box::new(config)))
            }
            SystemName::Latent => ModelConfig::Latents(Box::new(LatentRunConfig::load(&run.config())?)),
            _ => ModelConfig::Pixels(StageConfig::Base(Box::new(RunConfig::load(&run.config())?))),
        };
        Ok(vec![Self { kind: Kind::Ema, hash, path, config }])
    }

    /// The network with these weights.
    ///
    /// # Errors
    ///
    /// If they do not fit the run's configuration.
    pub fn load(&self, device: &Device) -> Result<Model> {
        let (path, kind) = (&self.path, self.kind);
        let stage = match &self.config {
            ModelConfig::Pixels(stage) => stage,
            ModelConfig::Latents(config) => {
                let trained = TrainedLatent::load(path, (**config).clone(), device)?;
                return Ok(Model::Latent(Box::new(LatentModel::new(trained)?)));
            }
        };
        Ok(match (stage, kind) {
            (StageConfig::Base(config), Kind::Ema) => {
                Model::Run(Box::new(TrainedModel::load(path, config, device)?))
            }
            (StageConfig::Base(config), Kind::Raw) => {
                Model::Run(Box::new(TrainedModel::load_raw(path, config, device)?))
            }
            (StageConfig::SuperResolution(config), Kind::Ema) => {
                Model::Stage(Box::new(SuperResolutionModel::load(path, config, device)?))
            }
            (StageConfig::SuperResolution(config), Kind::Raw) => {
                Model::Stage(Box::new(SuperResolutionModel::load_raw(path, config, device)?))
            }
        })
    }
}

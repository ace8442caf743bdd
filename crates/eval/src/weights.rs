use anyhow::{Result, bail};
use burn::prelude::*;
use clap::ValueEnum;
use train::cascade::{StageConfig, SuperResolutionConfig, SuperResolutionModel};
use train::{LatentRunConfig, RunConfig, RunDir, SystemName, TrainedLatent, TrainedModel};

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

/// Weights that are judged, in their network: read once, whatever a training does to the run meanwhile.
#[derive(Debug)]
pub struct Weights {
    /// Which they are.
    pub kind: Kind,
    /// SHA-256 of their file.
    pub hash: String,
    /// The network with them.
    pub model: Model,
}

/// What the weights are of.
enum ModelConfig {
    Pixels(StageConfig),
    Latents(Box<LatentRunConfig>),
}

impl Weights {
    /// The weights of a run that are asked for, all there are if none is; those of its last checkpoint, where it has one.
    ///
    /// # Errors
    ///
    /// If they are missing or damaged, or do not fit the run's configuration.
    pub fn of(run: &RunDir, asked: &[Kind], device: &Device) -> Result<Vec<Self>> {
        let Some(read) = train::Weights::newest(run)? else {
            if asked.contains(&Kind::Raw) {
                bail!("no checkpoint in {}: only --weights ema can be judged", run.checkpoints().display());
            }
            let config = of_run(run)?;
            return Ok(vec![Self::new(Kind::Ema, &train::Weights::read(&run.ema())?, &config, device)?]);
        };
        let config = of_checkpoint(run, &read)?;
        let asked = match (&config, asked) {
            (ModelConfig::Latents(_), asked) if asked.contains(&Kind::Raw) => {
                bail!("--weights raw: of a model of latents only ema is judged: leave it out")
            }
            (ModelConfig::Latents(_), []) => &[Kind::Ema],
            (_, []) => &[Kind::Ema, Kind::Raw][..],
            _ => asked,
        };
        asked.iter().map(|&kind| Self::new(kind, &read, &config, device)).collect()
    }

    fn new(kind: Kind, read: &train::Weights, config: &ModelConfig, device: &Device) -> Result<Self> {
        let hash = read.hash().to_owned();
        Ok(Self { kind, hash, model: model(kind, read, config, device)? })
    }
}

fn model(kind: Kind, read: &train::Weights, config: &ModelConfig, device: &Device) -> Result<Model> {
    let stage = match config {
        ModelConfig::Pixels(stage) => stage,
        ModelConfig::Latents(config) => {
            let trained = TrainedLatent::load(read, (**config).clone(), device)?;
            return Ok(Model::Latent(Box::new(LatentModel::new(trained)?)));
        }
    };
    Ok(match (stage, kind) {
        (StageConfig::Base(config), Kind::Ema) => {
            Model::Run(Box::new(TrainedModel::load(read, config, device)?))
        }
        (StageConfig::Base(config), Kind::Raw) => {
            Model::Run(Box::new(TrainedModel::load_raw(read, config, device)?))
        }
        (StageConfig::SuperResolution(config), Kind::Ema) => {
            Model::Stage(Box::new(SuperResolutionModel::load(read, config, device)?))
        }
        (StageConfig::SuperResolution(config), Kind::Raw) => {
            Model::Stage(Box::new(SuperResolutionModel::load_raw(read, config, device)?))
        }
    })
}

/// The configuration of a run that has no checkpoint.
fn of_run(run: &RunDir) -> Result<ModelConfig> {
    let path = run.config();
    Ok(match SystemName::of(&path)? {
        SystemName::SuperResolution => {
            let config = SuperResolutionConfig::load(&path)?;
            ModelConfig::Pixels(StageConfig::SuperResolution(Box::new(config)))
        }
        SystemName::Latent => ModelConfig::Latents(Box::new(LatentRunConfig::load(&path)?)),
        _ => ModelConfig::Pixels(StageConfig::Base(Box::new(RunConfig::load(&path)?))),
    })
}

/// The configuration that a checkpoint's weights were trained with.
fn of_checkpoint(run: &RunDir, read: &train::Weights) -> Result<ModelConfig> {
    let folder = read.path();
    let Some(meta) = read.meta() else { bail!("{}: it is no checkpoint", folder.display()) };
    Ok(match SystemName::of(&run.config())? {
        SystemName::SuperResolution => {
            let mut config: SuperResolutionConfig = meta.config(folder)?;
            // The s that was chosen after the training.
            config.low_resolution.level = SuperResolutionConfig::load(&run.config())?.low_resolution.level;
            ModelConfig::Pixels(StageConfig::SuperResolution(Box::new(config)))
        }
        SystemName::Latent => ModelConfig::Latents(Box::new(meta.config(folder)?)),
        _ => ModelConfig::Pixels(StageConfig::Base(Box::new(meta.config(folder)?))),
    })
}

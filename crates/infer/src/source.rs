use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use infer::{Args, Description};
use interop::pipeline::{ModelIndex, PipelineFacts};
use terminal::{meant, quoted};
use train::cascade::{CascadeDir, SuperResolutionConfig};
use train::{
    Checkpoints, DpmRunConfig, LatentRunConfig, PointRunConfig, RunConfig, RunDir, SystemName, TrainError,
    Weights,
};

/// The checkpoint that comes with the project.
const DEFAULT_RUN: &str = "checkpoints/digits-ddpm";

/// What the arguments name: a kind of model, its configuration, and its weights as they were read.
pub enum Source {
    /// A denoiser of pixels.
    Ddpm(Box<RunConfig>, Weights),
    /// A chain of 2015.
    Dpm(Box<DpmRunConfig>, Weights),
    /// A denoiser of points.
    Points(Box<PointRunConfig>, Weights),
    /// A denoiser of latents.
    Latent(Box<LatentRunConfig>, Weights),
    /// A cascade.
    Cascade(CascadeDir),
    /// A stage of one, by itself.
    SuperResolution(RunDir),
    /// A denoiser in the layout of the diffusers library.
    Folder(PathBuf),
    /// A pipeline of that library with more parts than a denoiser.
    Pipeline(PathBuf),
}

impl Source {
    /// That of the arguments.
    ///
    /// # Errors
    ///
    /// If there is none, or it is damaged.
    pub fn of(args: &Args) -> Result<Self> {
        if let Some(folder) = &args.model {
            if !folder.join("model_index.json").exists() && folder.join("config.toml").exists() {
                let folder = folder.display();
                bail!("--model {folder}: it is a run: give it with --run {}", quoted(&folder));
            }
            let is_pipeline = ModelIndex::read(folder)?.kind().is_ok();
            let folder = folder.clone();
            return Ok(if is_pipeline { Self::Pipeline(folder) } else { Self::Folder(folder) });
        }
        if let Some(path) = &args.checkpoint {
            if !path.exists() {
                let beside =
                    path.parent().and_then(Path::to_str).filter(|beside| !beside.is_empty()).unwrap_or(".");
                let hint = match meant(path, &[beside], "") {
                    Some(other) => format!("did you mean {}?", quoted(other.display())),
                    None => "name a folder under a run's checkpoint/, or an ema.bpk".into(),
                };
                bail!("there is no checkpoint {}: {hint}", path.display());
            }
            return if path.is_dir() {
                of_checkpoint(path)
            } else {
                of_weights(&path.with_file_name("config.toml"), path)
            };
        }
        let folder = args.run.clone().unwrap_or_else(|| DEFAULT_RUN.into());
        let run = RunDir::named(&folder)?;
        if SystemName::of(&run.config())? == SystemName::Cascade {
            return Ok(Self::Cascade(CascadeDir::new(folder)));
        }
        match SystemName::of(&run.config())? {
            SystemName::SuperResolution => Ok(Self::SuperResolution(run)),
            _ => of_weights(&run.config(), &run.ema()),
        }
    }
}

impl Source {
    /// What it is and which options it uses; of a folder with a network alone, the network says it when it is read.
    ///
    /// # Errors
    ///
    /// If a configuration cannot be read.
    pub fn description(&self, args: &Args) -> Result<Option<Description>> {
        Ok(Some(match self {
            Self::Ddpm(..) if args.forward.is_some() => Description::of_forward(),
            Self::Ddpm(config, _) => Description::of_run(config),
            Self::Dpm(..) => Description::of_dpm(),
            Self::Points(config, _) => Description::of_points(config),
            Self::Latent(config, _) => Description::of_latents(config),
            Self::Cascade(run) => {
                let first = run.stage(1).config();
                if !first.is_file() {
                    return Err(TrainError::MissingStage { path: run.path().to_path_buf(), number: 1 }.into());
                }
                Description::of_cascade(&RunConfig::load(&first)?)
            }
            Self::SuperResolution(run) => Description::of_stage(&SuperResolutionConfig::load(&run.config())?),
            Self::Folder(_) => return Ok(None),
            Self::Pipeline(folder) => Description::of_pipeline(&PipelineFacts::read(folder)?),
        }))
    }
}

/// A checkpoint's folder, which says what it is.
fn of_checkpoint(path: &Path) -> Result<Source> {
    let has = |name: &str| path.join(name).exists();
    let (shown, steps) = (path.display(), Checkpoints::new(path.to_path_buf(), 1).steps());
    match steps.last() {
        _ if has("meta.json") => {}
        Some(&step) => {
            let newest = Checkpoints::new(path.to_path_buf(), 1).path(step);
            bail!(
                "--checkpoint {shown}: it holds checkpoints: name one, such as {}",
                quoted(newest.display())
            )
        }
        None if has("config.toml") => {
            bail!("--checkpoint {shown}: it is a run: give it with --run {}", quoted(&shown))
        }
        None => bail!("--checkpoint {shown}: it is no checkpoint: there is no {shown}/meta.json"),
    }
    let weights = Weights::read(path)?;
    let Some(meta) = weights.meta().cloned() else { bail!("{shown}: it is no checkpoint") };
    Ok(match meta.config.get("system").and_then(|name| name.as_str()) {
        None => Source::Ddpm(Box::new(meta.config(path)?), weights),
        Some("dpm") => Source::Dpm(Box::new(meta.config(path)?), weights),
        Some("points") => Source::Points(Box::new(meta.config(path)?), weights),
        Some("latent") => Source::Latent(Box::new(meta.config(path)?), weights),
        Some(other) => {
            bail!("{}: a checkpoint of system \"{other}\" draws nothing by itself", path.display())
        }
    })
}

/// Averaged weights and the configuration beside them.
fn of_weights(config: &Path, weights: &Path) -> Result<Source> {
    let read = || Weights::read(weights);
    Ok(match SystemName::of(config)? {
        SystemName::Ddpm => Source::Ddpm(Box::new(RunConfig::load(config)?), read()?),
        SystemName::Dpm => Source::Dpm(Box::new(DpmRunConfig::load(config)?), read()?),
        SystemName::Points => Source::Points(Box::new(PointRunConfig::load(config)?), read()?),
        SystemName::Latent => Source::Latent(Box::new(LatentRunConfig::load(config)?), read()?),
        SystemName::Autoencoder => bail!("{}: an autoencoder draws nothing by itself", config.display()),
        SystemName::Classifier => bail!(
            "{}: a classifier draws nothing by itself: guide a run with it by --classifier",
            config.display()
        ),
        SystemName::Cascade | SystemName::SuperResolution => {
            bail!("{}: give the cascade's folder, or that of a stage, with --run", config.display())
        }
    })
}

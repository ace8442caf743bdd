use std::path::{Path, PathBuf};

use terminal::{meant, quoted};

use crate::error::TrainError;

/// The files of a run: `runs/<name>/`.
#[derive(Clone, Debug)]
pub struct RunDir(PathBuf);

/// Where runs are, for those that are named without their folder.
const FOLDERS: [&str; 2] = ["runs", "checkpoints"];

impl RunDir {
    /// The run that somebody names by its folder.
    ///
    /// # Errors
    ///
    /// If there is none; says what is there instead, or what may have been meant.
    pub fn named(path: impl Into<PathBuf>) -> Result<Self, TrainError> {
        let run = Self(path.into());
        match run.config().is_file() {
            true => Ok(run),
            false => Err(TrainError::NoRun { hint: run.hint(), path: run.0 }),
        }
    }

    /// What to do about a folder that is no run.
    fn hint(&self) -> String {
        let has = |name: &str| self.0.join(name).exists();
        let parent = self.0.parent().filter(|parent| parent.join("config.toml").is_file());
        match (&self.0, parent) {
            _ if has("meta.json") => {
                "it is a checkpoint of one, which `infer` takes by `--checkpoint`".into()
            }
            _ if has("model_index.json") => {
                "it is a folder of the diffusers library, which `infer` takes by `--model`".into()
            }
            (_, Some(run)) => format!("did you mean {}, in which it is?", quoted(run.display())),
            (path, _) if path.is_dir() => "it holds no config.toml".into(),
            (path, _) => match meant(path, &FOLDERS, "") {
                Some(run) => format!("did you mean {}?", quoted(run.display())),
                None => "train one with `cargo xtask train`".into(),
            },
        }
    }

    /// The run kept in a folder.
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

    /// The averaged weights, written just before each checkpoint: all that sampling needs beside the configuration.
    pub fn ema(&self) -> PathBuf {
        self.0.join("ema.bpk")
    }

    /// The words that a network was trained with, where it was.
    pub fn words(&self) -> PathBuf {
        self.0.join("words.json")
    }

    /// The network that compares images for a perceptual loss, where it was trained for that.
    pub fn perceptual(&self) -> PathBuf {
        self.0.join("perceptual.bpk")
    }

    /// What was run, where, and what came of it.
    pub fn record(&self) -> PathBuf {
        self.0.join("record.json")
    }

    /// Checkpoints, one folder each.
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    /// Preview grids.
    pub fn samples(&self) -> PathBuf {
        self.0.join("samples")
    }

    /// The preview grid of a step.
    pub fn sample(&self, step: usize) -> PathBuf {
        self.samples().join(format!("step-{step:08}.png"))
    }
}

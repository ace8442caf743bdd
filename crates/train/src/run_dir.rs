use std::path::{Path, PathBuf};

/// The files of a run: `runs/<name>/`.
#[derive(Clone, Debug)]
pub struct RunDir(PathBuf);

impl RunDir {
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

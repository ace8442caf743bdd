use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::prelude::*;
use burn::store::ModuleRecord;
use data::Splits;
use features::{
    ClassifierTraining, ClassifierTrunk, Examples, LPIPS_LEAST_SIDE, Labelled, Lpips, Perceptual,
    QuarterTurns,
};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::{RunDir, hash_file};
use terminal::say;

/// Lines that say how far the classifier is.
const LINES: usize = 10;

/// The network by whose activations reconstructions must be like their images, and how much that weighs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PerceptualConfig {
    /// Of its distance, beside a mean absolute error of 1 (Rombach et al. 2022, appendix G).
    pub weight: f64,
    /// The network.
    pub network: PerceptualNetwork,
    /// SHA-256 of its files; filled in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<String>,
}

impl Default for PerceptualConfig {
    fn default() -> Self {
        Self { weight: 1.0, network: PerceptualNetwork::default(), weights: Vec::new() }
    }
}

/// A network that looks at images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum PerceptualNetwork {
    /// A small classifier that is trained on the data before the autoencoder is: of their classes or, where they have none,
    /// of quarter turns. Nothing is downloaded, and what it says is not LPIPS.
    Classifier {
        /// Its optimizer steps.
        #[serde(default = "default_steps")]
        steps: usize,
    },
    /// LPIPS by VGG-16, of weights that the user supplies as torch or safetensors keep them.
    Lpips {
        /// Torchvision's `vgg16`.
        vgg: PathBuf,
        /// The `lpips` package's `vgg.pth`. The state of its whole network is given as both.
        heads: PathBuf,
    },
}

fn default_steps() -> usize {
    1000
}

impl Default for PerceptualNetwork {
    fn default() -> Self {
        Self::Classifier { steps: default_steps() }
    }
}

impl PerceptualConfig {
    /// SHA-256 of the files that a user supplies, for images `[C, H, W]`; none of a network that is trained here.
    pub(super) fn supplied(&self, [_, height, width]: [usize; 3]) -> Result<Vec<String>, String> {
        let PerceptualNetwork::Lpips { vgg, heads } = &self.network else { return Ok(Vec::new()) };
        if height.min(width) < LPIPS_LEAST_SIDE {
            return Err(format!(
                "perceptual.network: images are {width}x{height}, but LPIPS takes {LPIPS_LEAST_SIDE} pixels at least: use \
                 network = {{ type = \"classifier\" }}, or set dataset.image_size or dataset.pad_to"
            ));
        }
        let hash = |(key, path): (&str, &PathBuf)| {
            hash_file(path).map_err(|error| {
                format!("perceptual.network.{key}: failed to read {}: {error}", path.display())
            })
        };
        [("vgg", vgg), ("heads", heads)].into_iter().map(hash).collect()
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        if !(self.weight.is_finite() && self.weight >= 0.0) {
            return Err(format!("weight = {}: it must be at least 0", self.weight));
        }
        match self.network {
            PerceptualNetwork::Classifier { steps: 0 } => {
                Err("network.steps is 0: it must be at least 1".into())
            }
            _ => Ok(()),
        }
    }

    /// With what may change between sessions of a run at its default: where files lie, and what is found out of them later.
    pub(super) fn lasting(mut self) -> Self {
        match &mut self.network {
            PerceptualNetwork::Classifier { .. } => self.weights.clear(),
            PerceptualNetwork::Lpips { vgg, heads } => {
                vgg.clear();
                heads.clear();
            }
        }
        self
    }

    /// Trains the network if it is one that is trained and not there yet; the configuration with its hash. That of the
    /// checkpoint that the run goes on from is `begun`.
    pub(super) fn prepared(
        mut self,
        splits: &Splits,
        begun: Option<&Self>,
        run: &RunDir,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let PerceptualNetwork::Classifier { steps } = self.network else { return Ok(self) };
        let path = run.perceptual();
        if !path.exists() {
            train(&path, steps, splits, device)?;
        }
        self.weights = vec![hash_file(&path).map_err(TrainError::io("read", &path))?];
        match begun {
            Some(begun) if begun.weights != self.weights => Err(TrainError::Weights {
                path,
                reason: "the run was begun with another network: put it back, or start another run".into(),
            }),
            _ => Ok(self),
        }
    }

    /// The network, for images of so many channels; no gradient moves it.
    pub(super) fn load(
        &self,
        channels: usize,
        run: &RunDir,
        device: &Device,
    ) -> Result<Perceptual, TrainError> {
        let network = match &self.network {
            PerceptualNetwork::Lpips { vgg, heads } => Perceptual::Lpips(Lpips::load(vgg, heads, device)?),
            PerceptualNetwork::Classifier { .. } => {
                let path = run.perceptual();
                let failed = |reason: String| TrainError::Weights { path: path.clone(), reason };
                let record = ModuleRecord::load(&path).map_err(|error| failed(error.to_string()))?;
                let trunk = ClassifierTrunk::new(&ClassifierTraining::default(), channels, device);
                let trunk = trunk.try_load_record(record).map_err(|error| failed(error.to_string()))?;
                Perceptual::Classifier(trunk)
            }
        };
        Ok(network.no_grad())
    }
}

/// Trains a classifier on the training images, and keeps its convolutions.
fn train(path: &Path, steps: usize, splits: &Splits, device: &Device) -> Result<(), TrainError> {
    let set = &*splits.train;
    let trunk = match splits.num_classes() {
        Some(classes) => {
            say(format_args!("training a classifier of {classes} classes for the perceptual loss"));
            classifier(steps, &Labelled { set, classes }, device)?
        }
        None => {
            say(format_args!(
                "training a classifier of quarter turns for the perceptual loss: the data have no classes"
            ));
            classifier(steps, &QuarterTurns(Labelled { set, classes: 1 }), device)?
        }
    };
    let failed = |error: String| TrainError::io("write", path)(std::io::Error::other(error));
    trunk.into_record().save(path).map_err(|error| failed(error.to_string()))
}

fn classifier(steps: usize, images: &impl Examples, device: &Device) -> Result<ClassifierTrunk, TrainError> {
    let mut done = 0;
    let mut step = || {
        done += 1;
        if done % steps.div_ceil(LINES) == 0 {
            say(format_args!("classifier: {done} of {steps} steps"));
        }
    };
    let training = ClassifierTraining { steps, ..ClassifierTraining::default() };
    Ok(training.run(images, device, &mut step)?.into_trunk())
}

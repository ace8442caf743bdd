use std::path::Path;

use autoencoder::LatentScale;
use burn::prelude::*;
use data::Splits;
use text::WordTokenizer;

use super::config::{FirstStageSource, LatentRunConfig, TextConfig};
use crate::error::TrainError;
use crate::{FirstStageRunConfig, Record, RunDir, TrainedFirstStage, hash_file};

/// What stands between latents and images, as diffusion on the latents has it: it is not trained any more.
#[derive(Debug)]
pub struct FrozenFirstStage {
    /// The network, and what it was trained with.
    pub trained: TrainedFirstStage,
    /// From its latents to those of unit variance.
    pub scale: LatentScale,
    /// Where it is.
    pub device: Device,
}

impl FirstStageSource {
    /// `[C, H, W]` of the latents of images `[C, H, W]`.
    ///
    /// # Errors
    ///
    /// If there is no such run, or its images are others.
    pub(super) fn latent_shape(&self, image: [usize; 3]) -> Result<[usize; 3], String> {
        let model = self.config()?.model;
        let (run, trunk, [channels, height, width]) = (self.run.display(), model.trunk(), image);
        if trunk.in_channels != channels {
            return Err(format!(
                "the channels of images are {channels}, but first_stage.run = {run} was trained with {}: set dataset.channels",
                trunk.in_channels
            ));
        }
        if height != width {
            return Err(format!("images are {width}x{height}: set dataset.image_size or dataset.pad_to"));
        }
        let factor = trunk.factor();
        if !height.is_multiple_of(factor) {
            return Err(format!(
                "images are {width}x{height}, which the factor {factor} of first_stage.run = {run} does not divide: \
                 set dataset.image_size or dataset.pad_to"
            ));
        }
        Ok([model.latent_channels(), height / factor, width / factor])
    }

    /// SHA-256 of the weights as they are now.
    ///
    /// # Errors
    ///
    /// If there are none, or others than those that a run was begun with.
    pub(super) fn weights_now(&self) -> Result<String, String> {
        let path = RunDir::new(&self.run).ema();
        let run = self.run.display();
        let weights = hash_file(&path).map_err(|error| {
            format!("first_stage.run = {run}: failed to read {}: {error}: {}", path.display(), self.mend())
        })?;
        match &self.weights {
            Some(begun) if *begun != weights => Err(format!(
                "first_stage.weights: the weights of {run} have changed since: put them back, or start another run \
                 from a configuration without this key"
            )),
            _ => Ok(weights),
        }
    }

    fn config(&self) -> Result<FirstStageRunConfig, String> {
        let path = RunDir::new(&self.run).config();
        if !path.exists() {
            return Err(format!(
                "first_stage.run = {}: there is no trained first stage: {}",
                self.run.display(),
                self.mend()
            ));
        }
        FirstStageRunConfig::load(&path).map_err(|error| format!("first_stage.run: {error}"))
    }

    /// What mends a first stage that is not there.
    fn mend(&self) -> String {
        let name = self.run.file_name().unwrap_or_default().display().to_string();
        let config = Path::new("configs").join(format!("{name}.toml"));
        match config.exists() {
            true => format!("train it with `cargo xtask train {}`", config.display()),
            false => {
                "train one with `cargo xtask train` and a configuration of system = \"autoencoder\"".into()
            }
        }
    }
}

impl FrozenFirstStage {
    /// Reads the first stage that a run names, which its weights must be those of; without a scale, it is 1.
    ///
    /// # Errors
    ///
    /// If it is missing or damaged, or has changed since the run began.
    pub fn load(config: &LatentRunConfig, device: &Device) -> Result<Self, TrainError> {
        let source = &config.first_stage;
        let refused = |reason: String| TrainError::Config { origin: "the configuration".into(), reason };
        let stage = source.config().map_err(refused)?;
        source.weights_now().map_err(refused)?;
        let run = RunDir::new(&source.run);
        Record::verify_weights(&run)?;
        let trained = TrainedFirstStage::load(&run.ema(), stage, device)?;
        let scale = LatentScale::uniform(source.scale.unwrap_or(1.0));
        Ok(Self { trained, scale, device: device.clone() })
    }

    /// Latents of unit variance.
    ///
    /// # Shapes
    ///
    /// - `image`: `[B, C, H, W]` in `[-1, 1]`
    /// - output: `[B, latent channels, H/f, W/f]`
    pub fn encode(&self, image: Tensor<4>) -> Tensor<4> {
        self.scale.apply(self.trained.autoencoder.latent(image))
    }

    /// # Shapes
    ///
    /// - `latent`: of unit variance, `[B, latent channels, h, w]`
    /// - output: `[B, C, f h, f w]`, in `[-1, 1]` and somewhat beyond
    pub fn decode(&self, latent: Tensor<4>) -> Tensor<4> {
        self.trained.autoencoder.decode(self.scale.invert(latent))
    }

    /// `[C, H, W]` of the images of latents `[C, H, W]`.
    pub fn image_shape(&self, [_, height, width]: [usize; 3]) -> [usize; 3] {
        let trunk = self.trained.config.model.trunk();
        [trunk.out_channels, height * trunk.factor(), width * trunk.factor()]
    }
}

/// The tokenizer of a data set's captions.
pub(super) fn tokenizer(text: &TextConfig, splits: &Splits) -> WordTokenizer {
    let captions = (0..splits.train.len()).filter_map(|index| splits.train.caption(index));
    WordTokenizer::of_captions(captions, text.max_words, text.context)
}

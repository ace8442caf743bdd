use std::path::{Path, PathBuf};

use autoencoder::{Autoencoder, AutoencoderConfig, LatentScale};
use burn::module::Module;
use burn::prelude::*;
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};
use data::Splits;
use layout::{folder_hash, read_autoencoder, read_autoencoder_config};

use super::config::{FirstStageSource, LatentRunConfig};
use crate::error::TrainError;
use crate::first_stage::latent_scale;
use crate::{FirstStageRunConfig, RunDir, TrainedFirstStage, Weights, hash_file};

/// What stands between latents and images, as diffusion on the latents has it: it is not trained any more.
#[derive(Debug)]
pub struct FrozenFirstStage {
    /// The network.
    pub autoencoder: Autoencoder,
    /// Its shape.
    pub model: AutoencoderConfig,
    /// From its latents to those of unit variance.
    pub scale: LatentScale,
    /// Where it is.
    pub device: Device,
}

/// Sides of latents whose previews are decoded at a quarter of the cost.
const LARGE: usize = 32;

/// Where a first stage is.
enum Place<'a> {
    Run(&'a Path),
    /// The folder of the autoencoder itself.
    Folder(PathBuf),
}

impl FirstStageSource {
    /// `[C, H, W]` of the latents of images `[C, H, W]`.
    ///
    /// # Errors
    ///
    /// If there is no such run or folder, or its images are others.
    pub(super) fn latent_shape(&self, image: [usize; 3]) -> Result<[usize; 3], String> {
        let model = self.model_config()?;
        let (named, trunk, [channels, height, width]) = (self.named(), model.trunk(), image);
        if trunk.in_channels != channels {
            return Err(format!(
                "the channels of images are {channels}, but {named} was trained with {}: set dataset.channels",
                trunk.in_channels
            ));
        }
        if height != width {
            return Err(format!("images are {width}x{height}: set dataset.image_size or dataset.pad_to"));
        }
        let factor = trunk.factor();
        if !height.is_multiple_of(factor) {
            return Err(format!(
                "images are {width}x{height}, which the factor {factor} of {named} does not divide: set \
                 dataset.image_size or dataset.pad_to"
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
        let named = self.named();
        let weights = match self.place()? {
            Place::Run(run) => {
                let path = RunDir::new(run).ema();
                hash_file(&path).map_err(|error| {
                    format!("{named}: failed to read {}: {error}: {}", path.display(), mend(run))
                })?
            }
            Place::Folder(folder) => {
                folder_hash(&folder, &[]).map_err(|error| format!("{named}: {error}"))?
            }
        };
        self.check_weights(&weights)?;
        Ok(weights)
    }

    /// Refuses weights, by their SHA-256, that are not those which a run was begun with.
    fn check_weights(&self, weights: &str) -> Result<(), String> {
        match &self.weights {
            Some(begun) if begun != weights => Err(format!(
                "first_stage.weights: the weights of {} have changed since: put them back, or start another run from a \
                 configuration without this key",
                self.named()
            )),
            _ => Ok(()),
        }
    }

    /// As it is called in errors.
    fn named(&self) -> String {
        match (&self.run, &self.model) {
            (Some(run), _) => format!("first_stage.run = {}", run.display()),
            (None, Some(model)) => format!("first_stage.model = {}", model.display()),
            (None, None) => "first_stage".into(),
        }
    }

    fn place(&self) -> Result<Place<'_>, String> {
        match (&self.run, &self.model) {
            (Some(run), None) => Ok(Place::Run(run)),
            (None, Some(model)) => {
                let folders = [model.clone(), model.join("vae"), model.join("vqvae")];
                let found = folders.into_iter().find(|folder| folder.join("config.json").is_file());
                found.map(Place::Folder).ok_or_else(|| {
                    format!(
                        "{}: there is no config.json in it, nor in its vae or vqvae: give the folder of an AutoencoderKL \
                         or a VQModel",
                        self.named()
                    )
                })
            }
            (Some(_), Some(_)) => Err("first_stage: run and model are both given: leave one out".into()),
            (None, None) => {
                Err("first_stage: give run, of an autoencoder trained here, or model, a folder".into())
            }
        }
    }

    pub(super) fn model_config(&self) -> Result<AutoencoderConfig, String> {
        match self.place()? {
            Place::Run(run) => run_config(run).map(|config| config.model),
            Place::Folder(folder) => {
                read_autoencoder_config(&folder).map_err(|error| format!("{}: {error}", self.named()))
            }
        }
    }
}

fn run_config(run: &Path) -> Result<FirstStageRunConfig, String> {
    let path = RunDir::new(run).config();
    if !path.exists() {
        let (run, mend) = (run.display(), mend(run));
        return Err(format!("first_stage.run = {run}: there is no trained first stage: {mend}"));
    }
    FirstStageRunConfig::load(&path).map_err(|error| format!("first_stage.run: {error}"))
}

/// What mends a first stage that is not there.
fn mend(run: &Path) -> String {
    let name = run.file_name().unwrap_or_default().display().to_string();
    let config = Path::new("configs").join(format!("{name}.toml"));
    match config.exists() {
        true => format!("train it with `cargo xtask train {}`", terminal::quoted(config.display())),
        false => "train one with `cargo xtask train` and a configuration of system = \"autoencoder\"".into(),
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
        let model = source.model_config().map_err(refused)?;
        source.weights_now().map_err(refused)?;
        let autoencoder = match source.place().map_err(refused)? {
            Place::Run(run) => {
                let stage = run_config(run).map_err(refused)?;
                let weights = Weights::read(&RunDir::new(run).ema())?;
                source.check_weights(weights.hash()).map_err(refused)?;
                TrainedFirstStage::load(&weights, stage, device)?.autoencoder
            }
            Place::Folder(folder) => read_autoencoder(&folder, device)?,
        };
        let scale = LatentScale::uniform(source.scale.unwrap_or(1.0));
        Ok(Self { autoencoder: autoencoder.no_grad(), model, scale, device: device.clone() })
    }

    /// The same without gradients being tracked.
    pub(super) fn untracked(&self) -> Self {
        Self {
            autoencoder: self.autoencoder.clone().valid(),
            model: self.model.clone(),
            scale: self.scale.clone(),
            device: self.device.clone().inner(),
        }
    }

    /// What brings its latents to unit variance, measured on the first images.
    ///
    /// # Errors
    ///
    /// If an image cannot be read, or the device fails.
    pub(super) fn measured_scale(&self, splits: &Splits) -> Result<LatentScale, TrainError> {
        latent_scale(&self.autoencoder, splits, &self.device)
    }

    /// Latents of unit variance.
    ///
    /// # Shapes
    ///
    /// - `image`: `[B, C, H, W]` in `[-1, 1]`
    /// - output: `[B, latent channels, H/f, W/f]`
    pub fn encode(&self, image: Tensor<4>) -> Tensor<4> {
        self.scale.apply(self.autoencoder.latent(image))
    }

    /// # Shapes
    ///
    /// - `latent`: of unit variance, `[B, latent channels, h, w]`
    /// - output: `[B, C, f h, f w]`, in `[-1, 1]` and somewhat beyond
    pub fn decode(&self, latent: Tensor<4>) -> Tensor<4> {
        self.autoencoder.decode(self.scale.invert(latent))
    }

    /// About what [`decode`](Self::decode) gives, of large latents at a quarter of its cost: the mean of each 2x2 latent pixels
    /// is decoded, and each pixel of that repeated in a 2x2 square.
    ///
    /// # Shapes
    ///
    /// As [`decode`](Self::decode).
    pub fn preview(&self, latent: Tensor<4>) -> Tensor<4> {
        let [.., height, width] = latent.dims();
        if height.min(width) < LARGE || height % 2 + width % 2 > 0 {
            return self.decode(latent);
        }
        let small = self.decode(avg_pool2d(latent, AvgPoolOptions::new([2, 2]).with_stride([2, 2])));
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]);
        interpolate(small, options)
    }

    /// `[C, H, W]` of the images of latents `[C, H, W]`.
    pub fn image_shape(&self, [_, height, width]: [usize; 3]) -> [usize; 3] {
        let trunk = self.model.trunk();
        [trunk.out_channels, height * trunk.factor(), width * trunk.factor()]
    }
}

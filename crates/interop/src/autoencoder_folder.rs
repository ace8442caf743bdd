use std::fs;
use std::path::Path;

use autoencoder::{
    Autoencoder, AutoencoderConfig, AutoencoderError, KlAutoencoder, KlConfig, LatentScale, VqAutoencoder,
    VqConfig,
};
use burn::module::Module;
use burn::tensor::{DType, Device};
use serde::Serialize;
use serde::de::DeserializeOwned;
use train::TrainedFirstStage;

use crate::autoencoder_export::{export_kl, export_vq};
use crate::autoencoder_import::{import_kl, import_vq};
use crate::autoencoder_keys::{KlKeys, VqKeys};
use crate::autoencoder_names::AutoencoderNames;
use crate::model_folder::WEIGHTS;
use crate::module_weights::{load_module, module_tensors};
use crate::scheduler_export::write_json;
use crate::unet_import::Unsupported;
use crate::{InteropError, TensorFile, TensorStore};

/// A folder of the reference library's `AutoencoderKL`: `config.json` and its weights.
#[derive(Debug)]
pub struct KlFolder {
    /// The network.
    pub network: KlAutoencoder,
    /// Its shape.
    pub config: KlConfig,
    /// How its latents are brought to unit variance.
    pub scale: LatentScale,
    /// Side of the images that it was trained on: what a tile is as large as.
    pub sample_size: usize,
    /// Whether its activations need more range than half precision has.
    pub force_upcast: bool,
}

/// A folder of the reference library's `VQModel`: `config.json` and its weights.
#[derive(Debug)]
pub struct VqFolder {
    /// The network.
    pub network: VqAutoencoder,
    /// Its shape.
    pub config: VqConfig,
    /// How its latents are brought to unit variance.
    pub scale: LatentScale,
    /// Side of the images that it was trained on.
    pub sample_size: usize,
    /// Whether its activations need more range than half precision has.
    pub force_upcast: bool,
}

impl KlFolder {
    /// Reads a folder, its weights in the given precision.
    ///
    /// # Errors
    ///
    /// If a file is missing or damaged, an option is one that we do not have, or the weights are those of another network.
    pub fn read(folder: &Path, device: &Device, dtype: DType) -> Result<Self, InteropError> {
        let path = folder.join("config.json");
        let keys: KlKeys = read_keys(&path)?;
        let (config, scale) = import_kl(&keys).map_err(refused(&path))?;
        let network = config.init(device, 0).map_err(unfit(&path))?;
        scale.validate(config.trunk.latent_channels).map_err(unfit(&path))?;
        let network = fill(network, folder, &path, dtype)?;
        let [sample_size, _] = keys.trunk.sample_size.sides();
        Ok(Self { network, config, scale, sample_size, force_upcast: keys.force_upcast })
    }

    /// Writes a folder that the reference library loads.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), InteropError> {
        let keys = KlKeys {
            force_upcast: self.force_upcast,
            ..export_kl(&self.config, &self.scale, self.sample_size)
        };
        write(folder, &keys, &self.network)
    }
}

impl VqFolder {
    /// Reads a folder, its weights in the given precision.
    ///
    /// # Errors
    ///
    /// If a file is missing or damaged, an option is one that we do not have, or the weights are those of another network.
    pub fn read(folder: &Path, device: &Device, dtype: DType) -> Result<Self, InteropError> {
        let path = folder.join("config.json");
        let keys: VqKeys = read_keys(&path)?;
        let (config, scale) = import_vq(&keys).map_err(refused(&path))?;
        let network = config.init(device, 0).map_err(unfit(&path))?;
        scale.validate(config.resolved_code_channels()).map_err(unfit(&path))?;
        let network = fill(network, folder, &path, dtype)?;
        let [sample_size, _] = keys.trunk.sample_size.sides();
        Ok(Self { network, config, scale, sample_size, force_upcast: keys.force_upcast })
    }

    /// Writes a folder that the reference library loads.
    ///
    /// # Errors
    ///
    /// If the scale of the latents is one that the class cannot express, or a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), InteropError> {
        let keys = VqKeys {
            force_upcast: self.force_upcast,
            ..export_vq(&self.config, &self.scale, self.sample_size)?
        };
        write(folder, &keys, &self.network)
    }
}

/// Writes the averaged network of a run as a folder that the reference library loads; `side` is that of its images.
///
/// # Errors
///
/// If a file cannot be written.
pub fn export_first_stage(
    model: TrainedFirstStage,
    scale: LatentScale,
    side: usize,
    folder: &Path,
) -> Result<(), InteropError> {
    let (sample_size, force_upcast) = (side, false);
    match (model.autoencoder, model.config.model) {
        (Autoencoder::Kl(network), AutoencoderConfig::Kl(config)) => {
            KlFolder { network, config, scale, sample_size, force_upcast }.write(folder)
        }
        (Autoencoder::Vq(network), AutoencoderConfig::Vq(config)) => {
            VqFolder { network, config, scale, sample_size, force_upcast }.write(folder)
        }
        (_, config) => {
            Err(InteropError::Inexpressible { option: format!("model = {config:?} of another network") })
        }
    }
}

fn read_keys<K: DeserializeOwned>(path: &Path) -> Result<K, InteropError> {
    let text = fs::read_to_string(path).map_err(InteropError::io("read", path))?;
    serde_json::from_str(&text).map_err(InteropError::damaged(path))
}

fn refused(path: &Path) -> impl FnOnce(Unsupported) -> InteropError {
    move |(option, value)| InteropError::Unsupported { path: path.to_path_buf(), option, value }
}

fn unfit(path: &Path) -> impl FnOnce(AutoencoderError) -> InteropError {
    move |reason| InteropError::Autoencoder { path: path.to_path_buf(), reason }
}

fn fill<M: Module>(network: M, folder: &Path, config: &Path, dtype: DType) -> Result<M, InteropError> {
    load_module(network, &AutoencoderNames, &TensorStore::find(folder, WEIGHTS)?, config, dtype)
}

fn write(folder: &Path, keys: &impl Serialize, network: &impl Module) -> Result<(), InteropError> {
    let tensors = module_tensors(network, &AutoencoderNames)?;
    fs::create_dir_all(folder).map_err(InteropError::io("create", folder))?;
    TensorFile { path: folder.join(format!("{WEIGHTS}.safetensors")), tensors }.write()?;
    write_json(&folder.join("config.json"), keys)
}

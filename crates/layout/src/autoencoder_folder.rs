use std::fs;
use std::path::Path;

use autoencoder::{
    Autoencoder, AutoencoderConfig, AutoencoderError, KlAutoencoder, KlConfig, LatentScale, TrunkConfig,
    VqAutoencoder, VqConfig,
};
use burn::module::Module;
use burn::tensor::{DType, Device};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::autoencoder_export::{export_kl, export_vq};
use crate::autoencoder_import::{import_kl, import_vq};
use crate::autoencoder_keys::{KlKeys, VqKeys};
use crate::autoencoder_names::AutoencoderNames;
use crate::json_file::write_json;
use crate::module_weights::{load_module, module_tensors};
use crate::network_size::trunk_tensors_at_least;
use crate::unet_folder::WEIGHTS;
use crate::unet_import::Unsupported;
use crate::{LayoutError, TensorFile, TensorStore};

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
    pub fn read(folder: &Path, device: &Device, dtype: DType) -> Result<Self, LayoutError> {
        let path = folder.join("config.json");
        let keys: KlKeys = read_keys(&path)?;
        let (config, scale) = import_kl(&keys).map_err(refused(&path))?;
        let store = open(folder, &config.trunk, &path)?;
        let network = config.init(device, 0).map_err(unfit(&path))?;
        scale.validate(config.trunk.latent_channels).map_err(unfit(&path))?;
        let network = load_module(network, &AutoencoderNames, &store, &path, dtype)?;
        let [sample_size, _] = keys.trunk.sample_size.sides();
        Ok(Self { network, config, scale, sample_size, force_upcast: keys.force_upcast })
    }

    /// Writes a folder that the reference library loads.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), LayoutError> {
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
    pub fn read(folder: &Path, device: &Device, dtype: DType) -> Result<Self, LayoutError> {
        let path = folder.join("config.json");
        let keys: VqKeys = read_keys(&path)?;
        let (config, scale) = import_vq(&keys).map_err(refused(&path))?;
        let store = open(folder, &config.trunk, &path)?;
        let network = config.init(device, 0).map_err(unfit(&path))?;
        scale.validate(config.resolved_code_channels()).map_err(unfit(&path))?;
        let network = load_module(network, &AutoencoderNames, &store, &path, dtype)?;
        let [sample_size, _] = keys.trunk.sample_size.sides();
        Ok(Self { network, config, scale, sample_size, force_upcast: keys.force_upcast })
    }

    /// Writes a folder that the reference library loads.
    ///
    /// # Errors
    ///
    /// If the scale of the latents is one that the class cannot express, or a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), LayoutError> {
        let keys = VqKeys {
            force_upcast: self.force_upcast,
            ..export_vq(&self.config, &self.scale, self.sample_size)?
        };
        write(folder, &keys, &self.network)
    }
}

/// What a folder says of itself.
#[derive(Deserialize)]
struct Class {
    #[serde(rename = "_class_name", default)]
    name: String,
}

/// The configuration of a folder of an `AutoencoderKL` or a `VQModel`.
///
/// # Errors
///
/// If it is missing or damaged, or of another class, or an option is one that we do not have.
pub fn read_autoencoder_config(folder: &Path) -> Result<AutoencoderConfig, LayoutError> {
    let path = folder.join("config.json");
    let Class { name } = read_keys(&path)?;
    match name.as_str() {
        "AutoencoderKL" => import_kl(&read_keys(&path)?)
            .map(|(config, _)| AutoencoderConfig::Kl(config))
            .map_err(refused(&path)),
        "VQModel" => import_vq(&read_keys(&path)?)
            .map(|(config, _)| AutoencoderConfig::Vq(config))
            .map_err(refused(&path)),
        _ => Err(refused(&path)(("_class_name".into(), name))),
    }
}

/// The network of such a folder in single precision.
///
/// # Errors
///
/// As [`read_autoencoder_config`], and if the weights are missing, damaged, or those of another network.
pub fn read_autoencoder(folder: &Path, device: &Device) -> Result<Autoencoder, LayoutError> {
    Ok(match read_autoencoder_config(folder)? {
        AutoencoderConfig::Kl(_) => Autoencoder::Kl(KlFolder::read(folder, device, DType::F32)?.network),
        AutoencoderConfig::Vq(_) => Autoencoder::Vq(VqFolder::read(folder, device, DType::F32)?.network),
    })
}

/// Writes an autoencoder of images of the given side as a folder that the reference library loads, and says its class there.
///
/// # Errors
///
/// If the class cannot express the scale of the latents, or a file cannot be written.
pub fn write_autoencoder(
    network: Autoencoder,
    config: AutoencoderConfig,
    scale: LatentScale,
    side: usize,
    folder: &Path,
) -> Result<&'static str, LayoutError> {
    let (sample_size, force_upcast) = (side, false);
    match (network, config) {
        (Autoencoder::Kl(network), AutoencoderConfig::Kl(config)) => {
            KlFolder { network, config, scale, sample_size, force_upcast }.write(folder)?;
            Ok("AutoencoderKL")
        }
        (Autoencoder::Vq(network), AutoencoderConfig::Vq(config)) => {
            VqFolder { network, config, scale, sample_size, force_upcast }.write(folder)?;
            Ok("VQModel")
        }
        (_, config) => {
            Err(LayoutError::Inexpressible { option: format!("model = {config:?} of another network") })
        }
    }
}

fn read_keys<K: DeserializeOwned>(path: &Path) -> Result<K, LayoutError> {
    let text = fs::read_to_string(path).map_err(LayoutError::io("read", path))?;
    serde_json::from_str(&text).map_err(LayoutError::damaged(path))
}

fn refused(path: &Path) -> impl FnOnce(Unsupported) -> LayoutError {
    move |(option, value)| LayoutError::Unsupported { path: path.to_path_buf(), option, value }
}

fn unfit(path: &Path) -> impl FnOnce(AutoencoderError) -> LayoutError {
    move |reason| LayoutError::Autoencoder { path: path.to_path_buf(), reason }
}

/// The weights, as many as the configuration asks for.
fn open(folder: &Path, trunk: &TrunkConfig, config: &Path) -> Result<TensorStore, LayoutError> {
    let store = TensorStore::find(folder, &[WEIGHTS])?;
    store.check_count(trunk_tensors_at_least(trunk), config)?;
    Ok(store)
}

fn write(folder: &Path, keys: &impl Serialize, network: &impl Module) -> Result<(), LayoutError> {
    let tensors = module_tensors(network, &AutoencoderNames)?;
    fs::create_dir_all(folder).map_err(LayoutError::io("create", folder))?;
    TensorFile { path: folder.join(format!("{WEIGHTS}.safetensors")), tensors }.write()?;
    write_json(&folder.join("config.json"), keys)
}

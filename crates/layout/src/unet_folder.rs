use std::fs;
use std::path::Path;

use burn::tensor::{DType, Device};
use serde_json::json;
use unet::{UNet, UNetConfig};

use crate::condition_export::export_condition;
use crate::json_file::write_json;
use crate::network_size::unet_tensors_at_least;
use crate::unet_export::export;
use crate::{ImportedUNet, LayoutError, TensorFile, TensorStore, load_unet, read_unet_config, unet_tensors};

/// The weights' file beside a network's configuration, without its ending.
pub(crate) const WEIGHTS: &str = "diffusion_pytorch_model";

/// A folder with a network: `config.json` and its weights.
#[derive(Debug)]
pub struct UNetFolder {
    /// The network.
    pub network: UNet,
    /// Its shape.
    pub config: UNetConfig,
    /// Height and width of its images, where the folder says so.
    pub sample_size: Option<[usize; 2]>,
}

impl UNetFolder {
    /// Reads a folder, its weights in the given precision.
    ///
    /// # Errors
    ///
    /// If a file is missing or damaged, an option is one that we do not have, or the weights are those of another network.
    pub fn read(folder: &Path, device: &Device, dtype: DType) -> Result<Self, LayoutError> {
        let path = folder.join("config.json");
        let ImportedUNet { config, sample_size } = read_unet_config(&path)?;
        let store = TensorStore::find(folder, &[WEIGHTS])?;
        store.check_count(unet_tensors_at_least(&config), &path)?;
        let network =
            config.init(device, 0).map_err(|reason| LayoutError::Network { path: path.clone(), reason })?;
        let network = load_unet(network, &config, &store, &path, dtype)?;
        Ok(Self { network, config, sample_size })
    }
}

/// Reads a network in single precision.
///
/// # Errors
///
/// As [`UNetFolder::read`].
pub fn read_unet(folder: &Path, device: &Device) -> Result<(UNet, UNetConfig), LayoutError> {
    UNetFolder::read(folder, device, DType::F32).map(|folder| (folder.network, folder.config))
}

/// Writes a network as a folder with `config.json` and its weights that the reference library loads, and says its class
/// there: `UNet2DConditionModel` if it attends to a context, else `UNet2DModel`.
///
/// # Errors
///
/// If the network has no counterpart there, or a file cannot be written.
pub fn write_unet(net: &UNet, config: &UNetConfig, folder: &Path) -> Result<&'static str, LayoutError> {
    let path = folder.join("config.json");
    let (class, keys) = match config.context {
        Some(_) => ("UNet2DConditionModel", json!(export_condition(config)?)),
        None => ("UNet2DModel", json!(export(config)?)),
    };
    let tensors = unet_tensors(net, config)?;
    fs::create_dir_all(folder).map_err(LayoutError::io("create", folder))?;
    TensorFile { path: folder.join(format!("{WEIGHTS}.safetensors")), tensors }.write()?;
    write_json(&path, &keys)?;
    Ok(class)
}

use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{DType, Device};
use serde::Serialize;
use serde::de::DeserializeOwned;
use text::{ClipText, ClipTextConfig, LdmBert, LdmBertConfig, T5Config, T5Encoder, TextError};

use crate::json_file::write_json;
use crate::module_weights::{ParameterNames, load_module, module_tensors};
use crate::text_export::{export_clip, export_ldm_bert, export_t5};
use crate::text_import::{import_clip, import_ldm_bert, import_t5};
use crate::text_names::{ClipTextNames, LdmBertNames, T5Names};
use crate::unet_import::Unsupported;
use crate::{LayoutError, TensorFile, TensorStore};

/// The weights' file beside an encoder's configuration, without its ending.
const WEIGHTS: &str = "model";

/// The same, and what it is called where torch wrote it.
const WEIGHTS_READ: [&str; 2] = [WEIGHTS, "pytorch_model"];

/// Reads a folder of the reference library's `CLIPTextModel` or `CLIPTextModelWithProjection`, its weights in the given
/// precision.
///
/// # Errors
///
/// If a file is missing or damaged, an option is one that we do not have, or the weights are those of another network.
pub fn read_clip_text(
    folder: &Path,
    device: &Device,
    dtype: DType,
) -> Result<(ClipText, ClipTextConfig), LayoutError> {
    let config = read_config(folder, import_clip)?;
    let network = fill(|| config.init(device, 0), config.layers, &ClipTextNames, folder, dtype)?;
    Ok((network, config))
}

/// Reads a folder of the reference library's `T5EncoderModel`, its weights in the given precision.
///
/// # Errors
///
/// If a file is missing or damaged, an option is one that we do not have, or the weights are those of another network.
pub fn read_t5_encoder(
    folder: &Path,
    device: &Device,
    dtype: DType,
) -> Result<(T5Encoder, T5Config), LayoutError> {
    let config = read_config(folder, import_t5)?;
    let network =
        fill(|| config.init(device, 0), config.layers, &T5Names { gated: config.gated }, folder, dtype)?;
    Ok((network, config))
}

/// Reads a folder of the reference library's `LDMBertModel`, its weights in the given precision.
///
/// # Errors
///
/// If a file is missing or damaged, an option is one that we do not have, or the weights are those of another network.
pub fn read_ldm_bert(
    folder: &Path,
    device: &Device,
    dtype: DType,
) -> Result<(LdmBert, LdmBertConfig), LayoutError> {
    let config = read_config(folder, import_ldm_bert)?;
    let network = fill(|| config.init(device, 0), config.layers, &LdmBertNames, folder, dtype)?;
    Ok((network, config))
}

/// Writes a folder that the reference library loads as a `CLIPTextModel`, or as that with a projection.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write_clip_text(
    folder: &Path,
    network: &ClipText,
    config: &ClipTextConfig,
) -> Result<(), LayoutError> {
    write(folder, network, &ClipTextNames, &export_clip(config))
}

/// Writes a folder that the reference library loads as a `T5EncoderModel`.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write_t5_encoder(folder: &Path, network: &T5Encoder, config: &T5Config) -> Result<(), LayoutError> {
    write(folder, network, &T5Names { gated: config.gated }, &export_t5(config))
}

/// Writes a folder that the reference library loads as an `LDMBertModel`, but for the layer that predicts tokens.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write_ldm_bert(folder: &Path, network: &LdmBert, config: &LdmBertConfig) -> Result<(), LayoutError> {
    write(folder, network, &LdmBertNames, &export_ldm_bert(config))
}

fn write(
    folder: &Path,
    network: &impl Module,
    names: &dyn ParameterNames,
    keys: &impl Serialize,
) -> Result<(), LayoutError> {
    let tensors = module_tensors(network, names)?;
    fs::create_dir_all(folder).map_err(LayoutError::io("create", folder))?;
    TensorFile { path: folder.join(format!("{WEIGHTS}.safetensors")), tensors }.write()?;
    write_json(&folder.join("config.json"), keys)
}

pub(crate) fn read_config<K: DeserializeOwned, C>(
    folder: &Path,
    import: impl Fn(&K) -> Result<C, Unsupported>,
) -> Result<C, LayoutError> {
    let path = folder.join("config.json");
    let text = fs::read_to_string(&path).map_err(LayoutError::io("read", &path))?;
    let keys = serde_json::from_str(&text).map_err(LayoutError::damaged(&path))?;
    import(&keys).map_err(|(option, value)| LayoutError::Unsupported { path, option, value })
}

/// Makes a network of so many layers and gives it its weights, of which each layer has one at least.
fn fill<M: Module>(
    make: impl FnOnce() -> Result<M, TextError>,
    layers: usize,
    names: &dyn ParameterNames,
    folder: &Path,
    dtype: DType,
) -> Result<M, LayoutError> {
    let path = folder.join("config.json");
    let store = TensorStore::find(folder, &WEIGHTS_READ)?;
    store.check_count(layers, &path)?;
    let network = make().map_err(|reason| LayoutError::Text { path: path.clone(), reason })?;
    load_module(network, names, &store, &path, dtype)
}

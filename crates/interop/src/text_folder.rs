use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{DType, Device};
use serde::de::DeserializeOwned;
use text::{ClipText, ClipTextConfig, LdmBert, LdmBertConfig, T5Config, T5Encoder, TextError};

use crate::module_weights::{ParameterNames, load_module};
use crate::text_import::{import_clip, import_ldm_bert, import_t5};
use crate::text_names::{ClipTextNames, LdmBertNames, T5Names};
use crate::unet_import::Unsupported;
use crate::{InteropError, TensorStore};

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
) -> Result<(ClipText, ClipTextConfig), InteropError> {
    let config = read_config(folder, import_clip)?;
    let network = fill(config.init(device, 0), &ClipTextNames, folder, dtype)?;
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
) -> Result<(T5Encoder, T5Config), InteropError> {
    let config = read_config(folder, import_t5)?;
    let network = fill(config.init(device, 0), &T5Names { gated: config.gated }, folder, dtype)?;
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
) -> Result<(LdmBert, LdmBertConfig), InteropError> {
    let config = read_config(folder, import_ldm_bert)?;
    let network = fill(config.init(device, 0), &LdmBertNames, folder, dtype)?;
    Ok((network, config))
}

fn read_config<K: DeserializeOwned, C>(
    folder: &Path,
    import: impl Fn(&K) -> Result<C, Unsupported>,
) -> Result<C, InteropError> {
    let path = folder.join("config.json");
    let text = fs::read_to_string(&path).map_err(InteropError::io("read", &path))?;
    let keys = serde_json::from_str(&text).map_err(InteropError::damaged(&path))?;
    import(&keys).map_err(|(option, value)| InteropError::Unsupported { path, option, value })
}

fn fill<M: Module>(
    network: Result<M, TextError>,
    names: &dyn ParameterNames,
    folder: &Path,
    dtype: DType,
) -> Result<M, InteropError> {
    let path = folder.join("config.json");
    let network = network.map_err(|reason| InteropError::Text { path: path.clone(), reason })?;
    let store = TensorStore::find(folder, "model").or_else(|error| {
        let old = folder.join("pytorch_model.bin");
        if old.exists() { TensorStore::find(folder, "pytorch_model") } else { Err(error) }
    })?;
    load_module(network, names, &store, &path, dtype)
}

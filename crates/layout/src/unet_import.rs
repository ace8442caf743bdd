use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use unet::{Activation, ClassInput, DownsamplePadding, LevelBlock, Mid, Resample, TimeEncoding, UNetConfig};

use crate::LayoutError;
use crate::condition_import::import_condition;
use crate::unet_keys::UNetKeys;

/// Keys that say how the weights were averaged; they do not change the network.
const AVERAGING: [&str; 7] =
    ["decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step", "use_ema_warmup"];

/// No image is larger.
pub(crate) const MAX_SIDE: usize = 1 << 16;

/// A network of the reference library as we configure it.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedUNet {
    /// The network.
    pub config: UNetConfig,
    /// Height and width of its images, where its configuration says them.
    pub sample_size: Option<[usize; 2]>,
}

/// Reads the `config.json` of a `UNet2DModel` or a `UNet2DConditionModel`.
///
/// # Errors
///
/// If the file cannot be read, the network is impossible, or an option is one that we do not have.
pub fn read_unet_config(path: &Path) -> Result<ImportedUNet, LayoutError> {
    let text = fs::read_to_string(path).map_err(LayoutError::io("read", path))?;
    let class: ClassKey = serde_json::from_str(&text).map_err(LayoutError::damaged(path))?;
    let imported = if class.name == "UNet2DConditionModel" {
        import_condition(&serde_json::from_str(&text).map_err(LayoutError::damaged(path))?)
    } else {
        import(&serde_json::from_str(&text).map_err(LayoutError::damaged(path))?)
    };
    let imported = imported.map_err(|(option, value)| LayoutError::Unsupported {
        path: path.to_path_buf(),
        option,
        value,
    })?;
    imported.config.validate().map_err(|reason| LayoutError::Network { path: path.to_path_buf(), reason })?;
    Ok(imported)
}

/// Whose keys a file holds.
#[derive(Deserialize)]
struct ClassKey {
    #[serde(rename = "_class_name", default)]
    name: String,
}

/// A key and its value that have no counterpart.
pub(crate) type Unsupported = (String, String);

pub(crate) fn unsupported<T>(option: &str, value: impl std::fmt::Debug) -> Result<T, Unsupported> {
    Err((option.to_owned(), format!("{value:?}")))
}

fn import(keys: &UNetKeys) -> Result<ImportedUNet, Unsupported> {
    check_keys(keys)?;
    let sample_size = sample_size(keys)?;
    let channels = keys.block_out_channels.iter().copied().fold(0, gcd);
    let (num_classes, null_class) = classes(keys);
    let config = UNetConfig {
        image_size: sample_size.map_or(smallest_size(keys), |[height, _]| height),
        in_channels: keys.in_channels,
        out_channels: keys.out_channels,
        channels,
        channel_mult: keys.block_out_channels.iter().map(|width| width / channels).collect(),
        num_res_blocks: keys.layers_per_block,
        attention_resolutions: Vec::new(),
        num_heads: None,
        head_channels: keys.attention_head_dim,
        dropout: keys.dropout,
        num_classes,
        scale_shift: scale_shift(&keys.resnet_time_scale_shift)?,
        resample: Resample::Conv,
        resample_first: false,
        downsample_padding: downsample_padding(keys.downsample_padding.unwrap_or(1))?,
        flip_sin_to_cos: keys.flip_sin_to_cos,
        freq_shift: keys.freq_shift,
        norm_groups: keys.norm_num_groups,
        groups_of_four: keys.norm_num_groups.is_none(),
        norm_eps: keys.norm_eps,
        down_blocks: Some(down_blocks(keys)?),
        up_blocks: Some(up_blocks(keys)?),
        mid: mid(keys)?,
        mid_norm_groups: keys.attn_norm_num_groups.filter(|_| keys.add_attention),
        mid_divisor: keys.mid_block_scale_factor,
        activation: activation(&keys.act_fn)?,
        time_encoding: time_encoding(keys)?,
        num_timesteps: keys.num_train_timesteps.filter(|_| keys.time_embedding_type == "learned"),
        time_channels: keys.time_embedding_dim,
        class_input: class_input(keys)?,
        null_class,
        center_input: keys.center_input_sample,
        ..UNetConfig::default()
    };
    Ok(ImportedUNet { config, sample_size })
}

/// What must hold before the keys can be taken apart.
fn check_keys(keys: &UNetKeys) -> Result<(), Unsupported> {
    if keys.class_name != "UNet2DModel" {
        return unsupported("_class_name", &keys.class_name);
    }
    check_others(&keys.others)?;
    // The library's other blocks have no groups then, which it refuses itself.
    let skips = |name: &String| {
        matches!(
            name.trim_start_matches("UNetRes"),
            "SkipDownBlock2D" | "AttnSkipDownBlock2D" | "SkipUpBlock2D" | "AttnSkipUpBlock2D"
        )
    };
    let plain = keys.down_block_types.iter().chain(&keys.up_block_types).find(|name| !skips(name));
    if let Some(name) = plain.filter(|_| keys.norm_num_groups.is_none()) {
        return unsupported("norm_num_groups", format_args!("null with {name}"));
    }
    if let Some(name) = plain.filter(|_| keys.downsample_padding.is_none()) {
        return unsupported("downsample_padding", format_args!("null with {name}"));
    }
    if keys.block_out_channels.iter().all(|&width| width == 0) {
        return unsupported("block_out_channels", &keys.block_out_channels);
    }
    Ok(())
}

/// Refuses what a class does not know, unless it changes nothing or is null.
pub(crate) fn check_others(others: &BTreeMap<String, Value>) -> Result<(), Unsupported> {
    let unknown = |key: &String| !key.starts_with('_') && !AVERAGING.contains(&key.as_str());
    match others.iter().find(|(key, value)| unknown(key) && !value.is_null()) {
        Some((key, value)) => unsupported(key, format_args!("{value}")),
        None => Ok(()),
    }
}

/// Height and width, where they are given; both must be halvable between the levels.
fn sample_size(keys: &UNetKeys) -> Result<Option<[usize; 2]>, Unsupported> {
    let sides = match keys.sample_size {
        None => return Ok(None),
        Some(size) => size.sides(),
    };
    let fits = |side: &usize| *side <= MAX_SIDE && side.is_multiple_of(smallest_size(keys));
    if !sides.iter().all(fits) {
        return unsupported("sample_size", sides);
    }
    Ok(Some(sides))
}

/// The smallest side that can be halved between the levels.
fn smallest_size(keys: &UNetKeys) -> usize {
    1_usize.checked_shl(keys.block_out_channels.len() as u32 - 1).unwrap_or(usize::MAX)
}

/// The number of classes, and whether the table of their embeddings has another row for the null class.
fn classes(keys: &UNetKeys) -> (Option<usize>, bool) {
    let Some(rows) = keys.num_class_embeds.filter(|_| keys.class_embed_type.is_none()) else {
        return (None, false);
    };
    match keys.null_class {
        Some(null) if null.checked_add(1) == Some(rows) => (Some(null), true),
        _ => (Some(rows), false),
    }
}

fn down_blocks(keys: &UNetKeys) -> Result<Vec<LevelBlock>, Unsupported> {
    let attended = resample("downsample_type", keys.downsample_type.as_deref())?;
    let block = |name: &String| match name.trim_start_matches("UNetRes") {
        "DownBlock2D" => Ok(LevelBlock::new(false, Resample::Conv)),
        "AttnDownBlock2D" => Ok(LevelBlock::new(true, attended)),
        "ResnetDownsampleBlock2D" => Ok(LevelBlock::new(false, Resample::Block)),
        "SkipDownBlock2D" => Ok(LevelBlock::new(false, Resample::Skip)),
        "AttnSkipDownBlock2D" => Ok(LevelBlock::new(true, Resample::Skip)),
        _ => unsupported("down_block_types", name),
    };
    keys.down_block_types.iter().map(block).collect()
}

/// From full resolution, while the reference library lists them from the lowest.
fn up_blocks(keys: &UNetKeys) -> Result<Vec<LevelBlock>, Unsupported> {
    let attended = resample("upsample_type", keys.upsample_type.as_deref())?;
    let block = |name: &String| match name.trim_start_matches("UNetRes") {
        "UpBlock2D" => Ok(LevelBlock::new(false, Resample::Conv)),
        "AttnUpBlock2D" => Ok(LevelBlock::new(true, attended)),
        "ResnetUpsampleBlock2D" => Ok(LevelBlock::new(false, Resample::Block)),
        "SkipUpBlock2D" => Ok(LevelBlock::new(false, Resample::Skip)),
        "AttnSkipUpBlock2D" => Ok(LevelBlock::new(true, Resample::Skip)),
        _ => unsupported("up_block_types", name),
    };
    keys.up_block_types.iter().rev().map(block).collect()
}

/// How levels with attention change the resolution; those without say it by their name.
fn resample(key: &str, value: Option<&str>) -> Result<Resample, Unsupported> {
    match value {
        None | Some("conv") => Ok(Resample::Conv),
        Some("resnet") => Ok(Resample::Block),
        Some(other) => unsupported(key, other),
    }
}

fn mid(keys: &UNetKeys) -> Result<Mid, Unsupported> {
    match (keys.mid_block_type.as_deref(), keys.add_attention) {
        (None, _) => Ok(Mid::Absent),
        (Some("UNetMidBlock2D"), false) => Ok(Mid::Plain),
        (Some("UNetMidBlock2D"), true) => {
            let normed = keys.attn_norm_num_groups.is_some() || keys.resnet_time_scale_shift == "default";
            Ok(if normed { Mid::Attention } else { Mid::RawAttention })
        }
        (Some(other), _) => unsupported("mid_block_type", other),
    }
}

pub(crate) fn scale_shift(name: &str) -> Result<bool, Unsupported> {
    match name {
        "default" => Ok(false),
        "scale_shift" => Ok(true),
        other => unsupported("resnet_time_scale_shift", other),
    }
}

pub(crate) fn downsample_padding(pixels: usize) -> Result<DownsamplePadding, Unsupported> {
    match pixels {
        0 => Ok(DownsamplePadding::Asymmetric),
        1 => Ok(DownsamplePadding::Symmetric),
        other => unsupported("downsample_padding", other),
    }
}

pub(crate) fn activation(name: &str) -> Result<Activation, Unsupported> {
    match name.to_lowercase().as_str() {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu" => Ok(Activation::Gelu),
        "relu" => Ok(Activation::Relu),
        "mish" => Ok(Activation::Mish),
        other => unsupported("act_fn", other),
    }
}

fn time_encoding(keys: &UNetKeys) -> Result<TimeEncoding, Unsupported> {
    match keys.time_embedding_type.as_str() {
        "positional" => Ok(TimeEncoding::Positional),
        "fourier" => Ok(TimeEncoding::Fourier),
        "learned" => Ok(TimeEncoding::Learned),
        other => unsupported("time_embedding_type", other),
    }
}

fn class_input(keys: &UNetKeys) -> Result<ClassInput, Unsupported> {
    match keys.class_embed_type.as_deref() {
        None => Ok(ClassInput::Label),
        Some("timestep") => Ok(ClassInput::Number),
        Some("identity") => Ok(ClassInput::Embedding),
        Some(other) => unsupported("class_embed_type", other),
    }
}

pub(crate) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

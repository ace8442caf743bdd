use unet::{Activation, ClassInput, DownsamplePadding, LevelBlock, Mid, Resample, TimeEncoding, UNetConfig};

use crate::LayoutError;
use crate::unet_keys::{SampleSize, UNetKeys};

/// The keys of the reference library's class for a network of ours.
///
/// # Errors
///
/// If its configuration has no counterpart there.
pub(crate) fn export(config: &UNetConfig) -> Result<UNetKeys, LayoutError> {
    check_unconditional(config)?;
    if config.resample_first {
        return inexpressible("resample_first");
    }
    let levels = config.channel_mult.len();
    let down: Vec<LevelBlock> = (0..levels).map(|level| config.down_block(level)).collect();
    let up: Vec<LevelBlock> = (0..levels).rev().map(|level| config.up_block(level)).collect();
    Ok(UNetKeys {
        act_fn: activation(config.activation).into(),
        add_attention: matches!(config.mid, Mid::Attention | Mid::RawAttention),
        attention_head_dim: head_channels(config)?,
        attn_norm_num_groups: mid_norm_groups(config)?,
        block_out_channels: config.channel_mult.iter().map(|mult| mult * config.channels).collect(),
        center_input_sample: config.center_input,
        class_embed_type: class_embed_type(config.class_input).map(Into::into),
        down_block_types: block_types(&down, DOWN)?,
        downsample_padding: Some(downsample_padding(config.downsample_padding)),
        downsample_type: Some(resample_type("down_blocks", &down[..levels - 1])?.into()),
        dropout: config.dropout,
        flip_sin_to_cos: config.flip_sin_to_cos,
        freq_shift: config.freq_shift,
        in_channels: config.in_channels,
        layers_per_block: config.num_res_blocks,
        mid_block_scale_factor: config.mid_divisor,
        mid_block_type: (config.mid != Mid::Absent).then(|| "UNetMidBlock2D".into()),
        norm_eps: config.norm_eps,
        norm_num_groups: (!config.groups_of_four).then(|| config.resolved_norm_groups()),
        num_class_embeds: config.class_rows(),
        num_train_timesteps: config.num_timesteps,
        out_channels: config.out_channels,
        resnet_time_scale_shift: time_scale_shift(config.scale_shift).into(),
        sample_size: Some(SampleSize::Side(config.image_size)),
        time_embedding_dim: config.time_channels,
        time_embedding_type: time_embedding_type(config.time_encoding).into(),
        up_block_types: block_types(&up, UP)?,
        upsample_type: Some(resample_type("up_blocks", &up[..levels - 1])?.into()),
        null_class: config.num_classes.filter(|_| config.null_class),
        ..UNetKeys::default()
    })
}

/// `UNet2DModel` has none of the options of networks that attend to a text.
fn check_unconditional(config: &UNetConfig) -> Result<(), LayoutError> {
    let default = UNetConfig::default();
    let without = UNetConfig {
        level_res_blocks: None,
        class_concat: false,
        context: None,
        added_input: default.added_input,
        time_condition_channels: None,
        time_post_activation: None,
        time_activation: None,
        outer_activation: default.outer_activation,
        block_divisor: default.block_divisor,
        block_raw_embedding: false,
        conv_in_kernel: default.conv_in_kernel,
        conv_out_kernel: default.conv_out_kernel,
        ..config.clone()
    };
    if without == *config { Ok(()) } else { inexpressible("a network with options of UNet2DConditionModel") }
}

/// Names of the blocks: with convolutions, with residual blocks, with image skips, and the two with attention.
type Names = [&'static str; 5];
const DOWN: Names =
    ["DownBlock2D", "ResnetDownsampleBlock2D", "SkipDownBlock2D", "AttnDownBlock2D", "AttnSkipDownBlock2D"];
const UP: Names =
    ["UpBlock2D", "ResnetUpsampleBlock2D", "SkipUpBlock2D", "AttnUpBlock2D", "AttnSkipUpBlock2D"];

pub(crate) fn inexpressible<T>(option: impl Into<String>) -> Result<T, LayoutError> {
    Err(LayoutError::Inexpressible { option: option.into() })
}

fn block_types(blocks: &[LevelBlock], names: Names) -> Result<Vec<String>, LayoutError> {
    let [conv, block, skip, attended, attended_skip] = names;
    let last = blocks.len() - 1;
    let name = |(index, LevelBlock { attention, resample, cross }): (usize, &LevelBlock)| {
        if cross.is_some() {
            return inexpressible("cross");
        }
        Ok(match (resample, attention) {
            (Resample::Pool, _) if index < last => return inexpressible("resample = \"pool\""),
            (Resample::Skip, true) => attended_skip,
            (_, true) => attended,
            (Resample::Conv | Resample::Pool, false) => conv,
            (Resample::Block, false) => block,
            (Resample::Skip, false) => skip,
        }
        .to_owned())
    };
    blocks.iter().enumerate().map(name).collect()
}

/// The one way in which all levels with attention change the resolution.
fn resample_type(key: &str, resampling: &[LevelBlock]) -> Result<&'static str, LayoutError> {
    let attended = resampling.iter().filter(|block| block.attention && block.resample != Resample::Skip);
    let mut ways: Vec<bool> = attended.map(|block| block.resample == Resample::Block).collect();
    ways.dedup();
    match ways.as_slice() {
        [] | [false] => Ok("conv"),
        [true] => Ok("resnet"),
        _ => inexpressible(format!("{key} that attend and change the resolution in several ways")),
    }
}

/// The reference library has one size of head for the whole network.
fn head_channels(config: &UNetConfig) -> Result<Option<usize>, LayoutError> {
    let heads = config.num_heads.unwrap_or(1);
    if config.head_channels.is_some() || heads == 1 {
        return Ok(config.head_channels);
    }
    let levels = config.channel_mult.len();
    let mid = matches!(config.mid, Mid::Attention | Mid::RawAttention);
    let attends = |level: &usize| {
        config.down_block(*level).attention
            || config.up_block(*level).attention
            || (mid && level + 1 == levels)
    };
    let width = |level| config.channels * config.channel_mult[level];
    let mut widths: Vec<usize> = (0..levels).filter(attends).map(width).collect();
    widths.dedup();
    match widths.as_slice() {
        [] => Ok(None),
        [width] => Ok(Some(width / heads)),
        _ => inexpressible(format!("num_heads = {heads} on levels of several widths (use head_channels)")),
    }
}

/// The reference library leaves the norm out with scale-shift, unless it is told the groups.
fn mid_norm_groups(config: &UNetConfig) -> Result<Option<usize>, LayoutError> {
    match config.mid {
        Mid::Attention if config.scale_shift => {
            Ok(Some(config.mid_norm_groups.unwrap_or(config.resolved_norm_groups())))
        }
        Mid::Attention => Ok(config.mid_norm_groups),
        Mid::RawAttention if !config.scale_shift => {
            inexpressible("mid = \"raw_attention\" without scale_shift")
        }
        Mid::Cross(_) | Mid::Single => inexpressible("this middle"),
        Mid::RawAttention | Mid::Plain | Mid::Absent => Ok(None),
    }
}

pub(crate) fn downsample_padding(padding: DownsamplePadding) -> usize {
    match padding {
        DownsamplePadding::Asymmetric => 0,
        DownsamplePadding::Symmetric => 1,
    }
}

pub(crate) fn time_scale_shift(scale_shift: bool) -> &'static str {
    if scale_shift { "scale_shift" } else { "default" }
}

pub(crate) fn activation(activation: Activation) -> &'static str {
    match activation {
        Activation::Silu => "silu",
        Activation::Gelu => "gelu",
        Activation::Relu => "relu",
        Activation::Mish => "mish",
    }
}

fn class_embed_type(input: ClassInput) -> Option<&'static str> {
    match input {
        ClassInput::Label => None,
        ClassInput::Number => Some("timestep"),
        ClassInput::Embedding => Some("identity"),
        ClassInput::Projection(_) => Some("projection"),
        ClassInput::Linear(_) => Some("simple_projection"),
    }
}

fn time_embedding_type(encoding: TimeEncoding) -> &'static str {
    match encoding {
        TimeEncoding::Positional => "positional",
        TimeEncoding::Fourier => "fourier",
        TimeEncoding::Learned => "learned",
    }
}

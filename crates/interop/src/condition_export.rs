use unet::{
    AddedInput, ClassInput, ContextInput, CrossAttention, LevelBlock, Mid, Resample, TimeEncoding, UNetConfig,
};

use crate::InteropError;
use crate::condition_keys::{ConditionKeys, OneOrEach};
use crate::unet_export::{activation, downsample_padding, inexpressible, time_scale_shift};
use crate::unet_keys::SampleSize;

/// The keys of `UNet2DConditionModel` for a network of ours that attends to a context.
///
/// # Errors
///
/// If its configuration has no counterpart there.
pub(crate) fn export_condition(config: &UNetConfig) -> Result<ConditionKeys, InteropError> {
    check(config)?;
    let levels = config.channel_mult.len();
    let down: Vec<LevelBlock> = (0..levels).map(|level| config.down_block(level)).collect();
    let up: Vec<LevelBlock> = (0..levels).map(|level| config.up_block(level)).collect();
    let context = config.context.as_ref();
    let (encoder_hid_dim_type, encoder_hid_dim) = match context.map(|context| context.input) {
        None | Some(ContextInput::Text) => (None, None),
        Some(ContextInput::ProjectedText(text)) => (Some("text_proj"), Some(text)),
        Some(ContextInput::Image(image)) => (Some("image_proj"), Some(image)),
        Some(ContextInput::ImageAndText(text)) => (Some("text_image_proj"), Some(text)),
    };
    let keys = ConditionKeys {
        act_fn: activation(config.activation).into(),
        attention_head_dim: OneOrEach::Each(heads(config, &down, &up)?),
        block_out_channels: config.channel_mult.iter().map(|mult| mult * config.channels).collect(),
        center_input_sample: config.center_input,
        class_embeddings_concat: config.class_concat,
        conv_in_kernel: config.conv_in_kernel,
        conv_out_kernel: config.conv_out_kernel,
        cross_attention_dim: OneOrEach::One(context.map_or(1280, |context| context.channels)),
        cross_attention_norm: norms_context(config, &down, &up)?.then(|| "group_norm".into()),
        down_block_types: types(&down, DOWN)?,
        downsample_padding: downsample_padding(config.downsample_padding),
        dropout: config.dropout,
        encoder_hid_dim,
        encoder_hid_dim_type: encoder_hid_dim_type.map(Into::into),
        flip_sin_to_cos: config.flip_sin_to_cos,
        freq_shift: config.freq_shift,
        in_channels: config.in_channels,
        layers_per_block: OneOrEach::Each((0..levels).map(|level| config.res_blocks(level)).collect()),
        mid_block_only_cross_attention: match &config.mid {
            Mid::Cross(CrossAttention::Added { context_only, .. }) => Some(*context_only),
            _ => None,
        },
        mid_block_scale_factor: config.mid_divisor,
        mid_block_type: mid_type(&config.mid)?.map(Into::into),
        norm_eps: config.norm_eps,
        norm_num_groups: Some(config.resolved_norm_groups()),
        only_cross_attention: OneOrEach::Each(context_only(&down, &up)?),
        out_channels: config.out_channels,
        resnet_out_scale_factor: config.block_divisor,
        resnet_skip_time_act: config.block_raw_embedding,
        resnet_time_scale_shift: time_scale_shift(config.scale_shift).into(),
        sample_size: Some(SampleSize::Side(config.image_size)),
        time_cond_proj_dim: config.time_condition_channels,
        time_embedding_act_fn: config.time_activation.map(|name| activation(name).into()),
        time_embedding_dim: config.time_channels,
        timestep_post_act: config.time_post_activation.map(|name| activation(name).into()),
        // Ours are matrices.
        use_linear_projection: true,
        up_block_types: types(&up.iter().rev().cloned().collect::<Vec<_>>(), UP)?,
        ..ConditionKeys::default()
    };
    let (downwards, upwards) = depths(config, &down, &up)?;
    Ok(added(
        config,
        class(
            config,
            ConditionKeys {
                transformer_layers_per_block: downwards,
                reverse_transformer_layers_per_block: upwards,
                ..keys
            },
        ),
    ))
}

/// What the class has no key for.
fn check(config: &UNetConfig) -> Result<(), InteropError> {
    if config.activation != config.outer_activation {
        return inexpressible("outer_activation");
    }
    if config.time_encoding != TimeEncoding::Positional {
        return inexpressible("time_encoding");
    }
    if config.null_class && config.num_classes.is_some() {
        return inexpressible("null_class");
    }
    Ok(())
}

fn class(config: &UNetConfig, keys: ConditionKeys) -> ConditionKeys {
    let (class_embed_type, channels) = match config.class_input {
        ClassInput::Label => (None, None),
        ClassInput::Number => (Some("timestep"), None),
        ClassInput::Embedding => (Some("identity"), None),
        ClassInput::Projection(channels) => (Some("projection"), Some(channels)),
        ClassInput::Linear(channels) => (Some("simple_projection"), Some(channels)),
    };
    ConditionKeys {
        class_embed_type: class_embed_type.map(Into::into),
        num_class_embeds: config.class_rows(),
        projection_class_embeddings_input_dim: channels,
        ..keys
    }
}

fn added(config: &UNetConfig, keys: ConditionKeys) -> ConditionKeys {
    let named = |name: &str| Some(name.to_owned());
    match config.added_input {
        AddedInput::Nothing => keys,
        AddedInput::Text { heads, .. } => {
            ConditionKeys { addition_embed_type: named("text"), addition_embed_type_num_heads: heads, ..keys }
        }
        AddedInput::TextAndSizes { channels, size_channels } => ConditionKeys {
            addition_embed_type: named("text_time"),
            addition_time_embed_dim: Some(size_channels),
            projection_class_embeddings_input_dim: Some(channels),
            ..keys
        },
        AddedInput::Image { .. } => ConditionKeys { addition_embed_type: named("image"), ..keys },
        AddedInput::TextAndImage => ConditionKeys { addition_embed_type: named("text_image"), ..keys },
    }
}

/// Names of the blocks: with convolutions, with residual blocks, with self-attention, with transformers, with added
/// attention.
type Names = [&'static str; 5];
const DOWN: Names = [
    "DownBlock2D",
    "ResnetDownsampleBlock2D",
    "AttnDownBlock2D",
    "CrossAttnDownBlock2D",
    "SimpleCrossAttnDownBlock2D",
];
const UP: Names =
    ["UpBlock2D", "ResnetUpsampleBlock2D", "AttnUpBlock2D", "CrossAttnUpBlock2D", "SimpleCrossAttnUpBlock2D"];

fn types(
    blocks: &[LevelBlock],
    [conv, block, attended, transformer, added]: Names,
) -> Result<Vec<String>, InteropError> {
    let name = |level: &LevelBlock| {
        Ok(match (&level.cross, level.attention, level.resample) {
            (None, false, Resample::Conv) => conv,
            (None, false, Resample::Block) => block,
            (None, true, Resample::Conv) => attended,
            (Some(CrossAttention::Transformer { .. }), _, Resample::Conv) => transformer,
            (Some(CrossAttention::Added { .. }), _, Resample::Block) => added,
            _ => return inexpressible("this attention with this resample"),
        }
        .to_owned())
    };
    blocks.iter().map(name).collect()
}

fn mid_type(mid: &Mid) -> Result<Option<&'static str>, InteropError> {
    match mid {
        Mid::Absent => Ok(None),
        Mid::Single => Ok(Some("UNetMidBlock2D")),
        Mid::Cross(CrossAttention::Transformer { context_only: false, .. }) => {
            Ok(Some("UNetMidBlock2DCrossAttn"))
        }
        Mid::Cross(CrossAttention::Added { .. }) => Ok(Some("UNetMidBlock2DSimpleCrossAttn")),
        Mid::Cross(_) | Mid::Attention | Mid::RawAttention | Mid::Plain => inexpressible("this middle"),
    }
}

/// What `attention_head_dim` says of each level: the number of heads of transformers, the size of others; and for the way
/// up with added attention, of the level at its place in the list.
fn heads(config: &UNetConfig, down: &[LevelBlock], up: &[LevelBlock]) -> Result<Vec<usize>, InteropError> {
    let last = down.len() - 1;
    let mut said: Vec<(usize, usize)> = Vec::new();
    let mut say = |place: usize, mirrored: usize, cross: &CrossAttention| match cross {
        CrossAttention::Transformer { heads, .. } => said.push((place, *heads)),
        CrossAttention::Added { head_channels, .. } => said.push((mirrored, *head_channels)),
    };
    for (level, block) in down.iter().enumerate() {
        block.cross.iter().for_each(|cross| say(level, level, cross));
    }
    for (level, block) in up.iter().enumerate() {
        block.cross.iter().for_each(|cross| say(level, last - level, cross));
    }
    if let Mid::Cross(cross) = &config.mid {
        say(last, last, cross);
    }
    let any = said.first().map_or(config.head_channels.unwrap_or(8), |(_, value)| *value);
    (0..=last)
        .map(|level| {
            let mut values = said.iter().filter(|(place, _)| *place == level).map(|(_, value)| *value);
            let first = values.next();
            if values.any(|value| Some(value) != first) {
                inexpressible("heads that differ on the way up")
            } else {
                Ok(first.unwrap_or(any))
            }
        })
        .collect()
}

fn crosses<'a>(
    config: &'a UNetConfig,
    down: &'a [LevelBlock],
    up: &'a [LevelBlock],
) -> impl Iterator<Item = &'a CrossAttention> {
    let mid = match &config.mid {
        Mid::Cross(cross) => Some(cross),
        _ => None,
    };
    down.iter().chain(up).filter_map(|block| block.cross.as_ref()).chain(mid)
}

fn norms_context(config: &UNetConfig, down: &[LevelBlock], up: &[LevelBlock]) -> Result<bool, InteropError> {
    let norms = crosses(config, down, up).filter_map(|cross| match cross {
        CrossAttention::Added { norm_context, .. } => Some(*norm_context),
        CrossAttention::Transformer { .. } => None,
    });
    let mut norms: Vec<bool> = norms.collect();
    norms.dedup();
    match norms.as_slice() {
        [] | [false] => Ok(false),
        [true] => Ok(true),
        _ => inexpressible("norm_context at some levels only"),
    }
}

fn context_only(down: &[LevelBlock], up: &[LevelBlock]) -> Result<Vec<bool>, InteropError> {
    let only = |block: &LevelBlock| {
        block.cross.as_ref().map(|cross| match cross {
            CrossAttention::Transformer { context_only, .. } | CrossAttention::Added { context_only, .. } => {
                *context_only
            }
        })
    };
    let level = |(down, up): (&LevelBlock, &LevelBlock)| match (only(down), only(up)) {
        (Some(a), Some(b)) if a != b => inexpressible("context_only that differs on the way up"),
        (a, b) => Ok(a.or(b).unwrap_or(false)),
    };
    down.iter().zip(up).map(level).collect()
}

type Depths = (OneOrEach<OneOrEach<usize>>, Option<Vec<OneOrEach<usize>>>);

/// Transformer blocks of each level, and on the way up where they are not the same.
fn depths(config: &UNetConfig, down: &[LevelBlock], up: &[LevelBlock]) -> Result<Depths, InteropError> {
    let of = |cross: Option<&CrossAttention>| match cross {
        Some(CrossAttention::Transformer { depths, .. }) => Some(depths.clone()),
        _ => None,
    };
    let keyed = |depths: Vec<usize>| match depths.as_slice() {
        [depth] => OneOrEach::One(*depth),
        _ => OneOrEach::Each(depths),
    };
    let mid = match &config.mid {
        Mid::Cross(cross) => of(Some(cross)).map(|depths| depths[..1].to_vec()),
        _ => None,
    };
    let mut downwards: Vec<Option<Vec<usize>>> = down.iter().map(|block| of(block.cross.as_ref())).collect();
    let upwards: Vec<Option<Vec<usize>>> = up.iter().map(|block| of(block.cross.as_ref())).collect();
    if let Some(lowest) = downwards.last_mut()
        && let Some(mid) = mid
        && lowest.get_or_insert(mid.clone()).first() != mid.first()
    {
        return inexpressible("depths of the middle that are not those of the lowest level");
    }
    let same = downwards.iter().zip(&upwards).all(|(down, up)| match (down, up) {
        (Some(down), Some(up)) => down.len() == 1 && down == up,
        (None, Some(_)) => false,
        _ => true,
    });
    let list = |depths: Vec<Option<Vec<usize>>>| -> Vec<OneOrEach<usize>> {
        depths.into_iter().map(|depths| keyed(depths.unwrap_or(vec![1]))).collect()
    };
    let reverse = (!same).then(|| list(upwards.into_iter().rev().collect()));
    Ok((OneOrEach::Each(list(downwards)), reverse))
}

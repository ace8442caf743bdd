use unet::{AddedInput, ClassInput, ContextInput, CrossAttention, LevelBlock, Mid, TimeEncoding, UNetConfig};

use crate::LayoutError;
use crate::condition_keys::{ConditionKeys, OneOrEach};
use crate::condition_levels::{DOWN, UP, context_only, depths, heads, mid_type, norms_context, types};
use crate::unet_export::{activation, downsample_padding, inexpressible, time_scale_shift};
use crate::unet_keys::SampleSize;

/// The keys of `UNet2DConditionModel` for a network of ours that attends to a context.
///
/// # Errors
///
/// If its configuration has no counterpart there.
pub(crate) fn export_condition(config: &UNetConfig) -> Result<ConditionKeys, LayoutError> {
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
fn check(config: &UNetConfig) -> Result<(), LayoutError> {
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

use unet::{
    Activation, AddedInput, ClassInput, ContextConfig, ContextInput, Resample, TimeEncoding, UNetConfig,
};

use crate::condition_blocks::{base, down_block, mid, up_block};
use crate::condition_keys::{ConditionKeys, OneOrEach};
use crate::unet_import::{
    ImportedUNet, MAX_SIDE, Unsupported, activation, check_others, downsample_padding, gcd, scale_shift,
    unsupported,
};

/// The network of the keys of a `UNet2DConditionModel`.
pub(crate) fn import_condition(keys: &ConditionKeys) -> Result<ImportedUNet, Unsupported> {
    check_keys(keys)?;
    let channels = keys.block_out_channels.iter().copied().fold(0, gcd);
    let levels = keys.block_out_channels.len();
    let act = activation(&keys.act_fn)?;
    let (class_input, num_classes) = class(keys)?;
    let config = UNetConfig {
        image_size: keys.sample_size.map_or(1 << (levels - 1), |size| size.sides()[0]),
        in_channels: keys.in_channels,
        out_channels: keys.out_channels,
        channels,
        channel_mult: keys.block_out_channels.iter().map(|width| width / channels).collect(),
        num_res_blocks: keys.layers_per_block.at(0).unwrap_or(0),
        level_res_blocks: match &keys.layers_per_block {
            OneOrEach::One(_) => None,
            OneOrEach::Each(layers) => Some(layers.clone()),
        },
        attention_resolutions: Vec::new(),
        num_heads: None,
        head_channels: head_channels(keys)?,
        dropout: keys.dropout,
        num_classes,
        scale_shift: scale_shift(&keys.resnet_time_scale_shift)?,
        resample: Resample::Conv,
        resample_first: false,
        downsample_padding: downsample_padding(keys.downsample_padding)?,
        flip_sin_to_cos: keys.flip_sin_to_cos,
        freq_shift: keys.freq_shift,
        norm_groups: keys.norm_num_groups,
        groups_of_four: false,
        norm_eps: keys.norm_eps,
        down_blocks: Some((0..levels).map(|level| down_block(keys, level)).collect::<Result<_, _>>()?),
        up_blocks: Some((0..levels).map(|level| up_block(keys, level)).collect::<Result<_, _>>()?),
        mid: mid(keys)?,
        mid_norm_groups: None,
        mid_divisor: keys.mid_block_scale_factor,
        activation: act,
        time_encoding: TimeEncoding::Positional,
        num_timesteps: None,
        time_channels: keys.time_embedding_dim,
        class_input,
        null_class: false,
        class_concat: keys.class_embeddings_concat,
        context: Some(context(keys)?),
        added_input: added_input(keys)?,
        time_condition_channels: keys.time_cond_proj_dim,
        time_post_activation: optional_activation(keys.timestep_post_act.as_deref())?,
        time_activation: optional_activation(keys.time_embedding_act_fn.as_deref())?,
        outer_activation: act,
        block_divisor: keys.resnet_out_scale_factor,
        block_raw_embedding: keys.resnet_skip_time_act,
        conv_in_kernel: keys.conv_in_kernel,
        conv_out_kernel: keys.conv_out_kernel,
        center_input: keys.center_input_sample,
    };
    Ok(ImportedUNet { config, sample_size: sample_size(keys)? })
}

/// What must hold before the keys can be taken apart.
fn check_keys(keys: &ConditionKeys) -> Result<(), Unsupported> {
    check_others(&keys.others)?;
    if keys.block_out_channels.iter().all(|&width| width == 0) || keys.block_out_channels.len() > 16 {
        return unsupported("block_out_channels", &keys.block_out_channels);
    }
    let levels = keys.block_out_channels.len();
    for (key, types) in
        [("down_block_types", &keys.down_block_types), ("up_block_types", &keys.up_block_types)]
    {
        if types.len() != levels {
            return unsupported(key, types);
        }
    }
    if keys.norm_num_groups.is_none() {
        return unsupported("norm_num_groups", keys.norm_num_groups);
    }
    if keys.dual_cross_attention {
        return unsupported("dual_cross_attention", keys.dual_cross_attention);
    }
    // The library refuses it too, because the name means something else there.
    if let Some(heads) = &keys.num_attention_heads {
        return unsupported("num_attention_heads", heads);
    }
    match (keys.attention_type.as_str(), keys.time_embedding_type.as_str()) {
        ("default", "positional") => Ok(()),
        ("default", other) => unsupported("time_embedding_type", other),
        (other, _) => unsupported("attention_type", other),
    }
}

fn sample_size(keys: &ConditionKeys) -> Result<Option<[usize; 2]>, Unsupported> {
    let sides = keys.sample_size.map(|size| size.sides());
    match sides {
        Some(sides) if sides.iter().any(|side| !(1..=MAX_SIDE).contains(side)) => {
            unsupported("sample_size", sides)
        }
        _ => Ok(sides),
    }
}

/// Of the levels with self-attention alone; in the others the library counts heads by the same key.
fn head_channels(keys: &ConditionKeys) -> Result<Option<usize>, Unsupported> {
    let mut names = keys.down_block_types.iter().chain(&keys.up_block_types);
    if !names.any(|name| matches!(base(name), "AttnDownBlock2D" | "AttnUpBlock2D")) {
        return Ok(None);
    }
    match &keys.attention_head_dim {
        OneOrEach::One(size) => Ok(Some(*size)),
        OneOrEach::Each(sizes) => unsupported("attention_head_dim", sizes),
    }
}

/// How the class is given, and the rows of its table.
fn class(keys: &ConditionKeys) -> Result<(ClassInput, Option<usize>), Unsupported> {
    let channels = keys.projection_class_embeddings_input_dim;
    let input = match (keys.class_embed_type.as_deref(), channels) {
        (None, _) => return Ok((ClassInput::Label, keys.num_class_embeds)),
        (Some("timestep"), _) => ClassInput::Number,
        (Some("identity"), _) => ClassInput::Embedding,
        (Some("projection"), Some(channels)) => ClassInput::Projection(channels),
        (Some("simple_projection"), Some(channels)) => ClassInput::Linear(channels),
        (Some("projection" | "simple_projection"), None) => {
            return unsupported("projection_class_embeddings_input_dim", channels);
        }
        (Some(other), _) => return unsupported("class_embed_type", other),
    };
    Ok((input, None))
}

fn context(keys: &ConditionKeys) -> Result<ContextConfig, Unsupported> {
    let dims = &keys.cross_attention_dim;
    let levels = keys.block_out_channels.len();
    // Levels that do not attend to it may have any; the middle has that of the last.
    let attends = |level: &usize| {
        let (down, up) = (&keys.down_block_types[*level], &keys.up_block_types[levels - 1 - *level]);
        *level + 1 == levels || down.contains("CrossAttn") || up.contains("CrossAttn")
    };
    let all: Vec<usize> = (0..levels).filter(attends).filter_map(|level| dims.at(level)).collect();
    let channels = match all.first() {
        Some(&first) if all.iter().all(|&channels| channels == first) => first,
        _ => return unsupported("cross_attention_dim", dims),
    };
    let input = match (keys.encoder_hid_dim_type.as_deref(), keys.encoder_hid_dim) {
        (None, None) => ContextInput::Text,
        (None | Some("text_proj"), Some(text)) => ContextInput::ProjectedText(text),
        (Some("image_proj"), Some(image)) => ContextInput::Image(image),
        (Some("text_image_proj"), Some(text)) => ContextInput::ImageAndText(text),
        (Some(_), None) => return unsupported("encoder_hid_dim", keys.encoder_hid_dim),
        (Some(other), _) => return unsupported("encoder_hid_dim_type", other),
    };
    Ok(ContextConfig { channels, input })
}

fn added_input(keys: &ConditionKeys) -> Result<AddedInput, Unsupported> {
    let Some(kind) = keys.addition_embed_type.as_deref() else { return Ok(AddedInput::Nothing) };
    let text = keys.encoder_hid_dim.or(keys.cross_attention_dim.at(0));
    let missing = |key: &str| unsupported(key, None::<usize>);
    Ok(match kind {
        "text" => match text {
            Some(channels) => AddedInput::Text { channels, heads: keys.addition_embed_type_num_heads },
            None => return missing("cross_attention_dim"),
        },
        "text_time" => {
            let Some(channels) = keys.projection_class_embeddings_input_dim else {
                return missing("projection_class_embeddings_input_dim");
            };
            let Some(size_channels) = keys.addition_time_embed_dim else {
                return missing("addition_time_embed_dim");
            };
            AddedInput::TextAndSizes { channels, size_channels }
        }
        "image" => match keys.encoder_hid_dim {
            Some(channels) => AddedInput::Image { channels },
            None => return missing("encoder_hid_dim"),
        },
        "text_image" => AddedInput::TextAndImage,
        other => return unsupported("addition_embed_type", other),
    })
}

fn optional_activation(name: Option<&str>) -> Result<Option<Activation>, Unsupported> {
    name.map(activation).transpose()
}

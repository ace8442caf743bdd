use unet::{CrossAttention, LevelBlock, Mid, Resample};

use crate::condition_keys::{ConditionKeys, OneOrEach};
use crate::unet_import::{Unsupported, unsupported};

/// A block's name less what old folders put in front of it.
pub(crate) fn base(name: &str) -> &str {
    name.trim_start_matches("UNetRes")
}

pub(crate) fn down_block(keys: &ConditionKeys, level: usize) -> Result<LevelBlock, Unsupported> {
    let name = &keys.down_block_types[level];
    let conv = LevelBlock::new(false, Resample::Conv);
    let block = LevelBlock::new(false, Resample::Block);
    Ok(match base(name) {
        "DownBlock2D" => conv,
        "AttnDownBlock2D" => LevelBlock::new(true, Resample::Conv),
        "CrossAttnDownBlock2D" => {
            conv.with_cross(transformer(keys, level, keys.transformer_layers_per_block.at(level))?)
        }
        "ResnetDownsampleBlock2D" => block,
        "SimpleCrossAttnDownBlock2D" => block.with_cross(added(keys, level, level)?),
        _ => return unsupported("down_block_types", name),
    })
}

/// From full resolution, while the reference library lists them from the lowest.
pub(crate) fn up_block(keys: &ConditionKeys, level: usize) -> Result<LevelBlock, Unsupported> {
    let place = keys.block_out_channels.len() - 1 - level;
    let name = &keys.up_block_types[place];
    let conv = LevelBlock::new(false, Resample::Conv);
    let block = LevelBlock::new(false, Resample::Block);
    Ok(match base(name) {
        "UpBlock2D" => conv,
        "AttnUpBlock2D" => LevelBlock::new(true, Resample::Conv),
        "CrossAttnUpBlock2D" => {
            let depths = match &keys.reverse_transformer_layers_per_block {
                Some(depths) => depths.get(place).cloned(),
                None => keys.transformer_layers_per_block.at(level),
            };
            conv.with_cross(transformer(keys, level, depths)?)
        }
        "ResnetUpsampleBlock2D" => block,
        // The library takes the size of heads from the list as it is, and all else from its end.
        "SimpleCrossAttnUpBlock2D" => block.with_cross(added(keys, level, place)?),
        _ => return unsupported("up_block_types", name),
    })
}

fn transformer(
    keys: &ConditionKeys,
    level: usize,
    depths: Option<OneOrEach<usize>>,
) -> Result<CrossAttention, Unsupported> {
    let heads = keys.attention_head_dim.at(level);
    let depths = match depths {
        Some(OneOrEach::One(depth)) => vec![depth],
        Some(OneOrEach::Each(depths)) if !depths.is_empty() => depths,
        _ => return unsupported("transformer_layers_per_block", &keys.transformer_layers_per_block),
    };
    let Some(heads) = heads else { return unsupported("attention_head_dim", &keys.attention_head_dim) };
    let context_only = keys.only_cross_attention.at(level).unwrap_or(false);
    Ok(CrossAttention::Transformer { depths, heads, context_only })
}

fn added(keys: &ConditionKeys, level: usize, heads_at: usize) -> Result<CrossAttention, Unsupported> {
    let context_only = keys.only_cross_attention.at(level).unwrap_or(false);
    added_with(keys, heads_at, context_only)
}

fn added_with(
    keys: &ConditionKeys,
    heads_at: usize,
    context_only: bool,
) -> Result<CrossAttention, Unsupported> {
    let norm_context = match keys.cross_attention_norm.as_deref() {
        None => false,
        Some("group_norm") => true,
        Some(other) => return unsupported("cross_attention_norm", other),
    };
    match keys.attention_head_dim.at(heads_at) {
        Some(head_channels) => Ok(CrossAttention::Added { head_channels, context_only, norm_context }),
        None => unsupported("attention_head_dim", &keys.attention_head_dim),
    }
}

pub(crate) fn mid(keys: &ConditionKeys) -> Result<Mid, Unsupported> {
    let last = keys.block_out_channels.len() - 1;
    match keys.mid_block_type.as_deref() {
        None => Ok(Mid::Absent),
        Some("UNetMidBlock2D") => Ok(Mid::Single),
        Some("UNetMidBlock2DCrossAttn") => {
            let CrossAttention::Transformer { depths, heads, .. } =
                transformer(keys, last, keys.transformer_layers_per_block.at(last))?
            else {
                return unsupported("mid_block_type", &keys.mid_block_type);
            };
            Ok(Mid::Cross(CrossAttention::Transformer { depths, heads, context_only: false }))
        }
        Some("UNetMidBlock2DSimpleCrossAttn") => {
            let inherited = match keys.only_cross_attention {
                OneOrEach::One(only) => only,
                OneOrEach::Each(_) => false,
            };
            let context_only = keys.mid_block_only_cross_attention.unwrap_or(inherited);
            Ok(Mid::Cross(added_with(keys, last, context_only)?))
        }
        Some(other) => unsupported("mid_block_type", other),
    }
}

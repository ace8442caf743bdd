use unet::{CrossAttention, LevelBlock, Mid, Resample, UNetConfig};

use crate::LayoutError;
use crate::condition_keys::OneOrEach;
use crate::unet_export::inexpressible;

/// Names of the blocks: with convolutions, with residual blocks, with self-attention, with transformers, with added
/// attention.
pub(crate) type Names = [&'static str; 5];
pub(crate) const DOWN: Names = [
    "DownBlock2D",
    "ResnetDownsampleBlock2D",
    "AttnDownBlock2D",
    "CrossAttnDownBlock2D",
    "SimpleCrossAttnDownBlock2D",
];
pub(crate) const UP: Names =
    ["UpBlock2D", "ResnetUpsampleBlock2D", "AttnUpBlock2D", "CrossAttnUpBlock2D", "SimpleCrossAttnUpBlock2D"];

pub(crate) fn types(
    blocks: &[LevelBlock],
    [conv, block, attended, transformer, added]: Names,
) -> Result<Vec<String>, LayoutError> {
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

pub(crate) fn mid_type(mid: &Mid) -> Result<Option<&'static str>, LayoutError> {
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
pub(crate) fn heads(
    config: &UNetConfig,
    down: &[LevelBlock],
    up: &[LevelBlock],
) -> Result<Vec<usize>, LayoutError> {
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

pub(crate) fn norms_context(
    config: &UNetConfig,
    down: &[LevelBlock],
    up: &[LevelBlock],
) -> Result<bool, LayoutError> {
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

pub(crate) fn context_only(down: &[LevelBlock], up: &[LevelBlock]) -> Result<Vec<bool>, LayoutError> {
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

pub(crate) type Depths = (OneOrEach<OneOrEach<usize>>, Option<Vec<OneOrEach<usize>>>);

/// Transformer blocks of each level, and on the way up where they are not the same.
pub(crate) fn depths(
    config: &UNetConfig,
    down: &[LevelBlock],
    up: &[LevelBlock],
) -> Result<Depths, LayoutError> {
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

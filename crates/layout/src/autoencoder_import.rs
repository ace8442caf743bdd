use std::collections::BTreeMap;

use autoencoder::{KlConfig, LatentScale, TrunkConfig, VqConfig};
use serde_json::Value;

use crate::autoencoder_keys::{KlKeys, TrunkKeys, VqKeys};
use crate::unet_import::{Unsupported, activation, gcd, unsupported};

/// The network that the keys of an `AutoencoderKL` describe, and the scale of its latents.
pub(crate) fn import_kl(keys: &KlKeys) -> Result<(KlConfig, LatentScale), Unsupported> {
    check_class(&keys.class_name, "AutoencoderKL", &keys.others)?;
    let config = KlConfig {
        trunk: trunk(&keys.trunk, keys.latent_channels)?,
        quant_conv: keys.use_quant_conv,
        post_quant_conv: keys.use_post_quant_conv,
    };
    Ok((config, latent_scale(keys)?))
}

/// The network that the keys of a `VQModel` describe, and the scale of its latents.
pub(crate) fn import_vq(keys: &VqKeys) -> Result<(VqConfig, LatentScale), Unsupported> {
    check_class(&keys.class_name, "VQModel", &keys.others)?;
    let config = VqConfig {
        trunk: trunk(&keys.trunk, keys.latent_channels)?,
        codes: keys.num_vq_embeddings,
        code_channels: keys.vq_embed_dim,
        spatial_norm: match keys.norm_type.as_str() {
            "group" => false,
            "spatial" => true,
            other => return unsupported("norm_type", other),
        },
    };
    Ok((config, LatentScale::uniform(keys.scaling_factor)))
}

fn check_class(found: &str, class: &str, others: &BTreeMap<String, Value>) -> Result<(), Unsupported> {
    if found != class {
        return unsupported("_class_name", found);
    }
    match others.iter().find(|(key, value)| !key.starts_with('_') && !value.is_null()) {
        Some((key, value)) => unsupported(key, format_args!("{value}")),
        None => Ok(()),
    }
}

fn trunk(keys: &TrunkKeys, latent_channels: usize) -> Result<TrunkConfig, Unsupported> {
    let widths = &keys.block_out_channels;
    let channels = widths.iter().copied().fold(0, gcd);
    if channels == 0 {
        return unsupported("block_out_channels", widths);
    }
    for (key, types) in
        [("down_block_types", &keys.down_block_types), ("up_block_types", &keys.up_block_types)]
    {
        if types.len() != widths.len() {
            return unsupported(key, types);
        }
    }
    let last = widths.len() - 1;
    let down = attended("down_block_types", &keys.down_block_types, "DownEncoderBlock2D")?;
    let up = attended("up_block_types", &keys.up_block_types, "UpDecoderBlock2D")?;
    Ok(TrunkConfig {
        in_channels: keys.in_channels,
        out_channels: keys.out_channels,
        latent_channels,
        channels,
        channel_mult: widths.iter().map(|width| width / channels).collect(),
        num_res_blocks: keys.layers_per_block,
        encoder_attention: down,
        // The reference library lists the decoder's levels from the lowest resolution.
        decoder_attention: up.into_iter().map(|index| last - index).collect(),
        mid_attention: keys.mid_block_add_attention,
        norm_groups: Some(keys.norm_num_groups),
        activation: activation(&keys.act_fn)?,
    })
}

/// Which of the blocks attend: they are called `plain`, or that with `Attn` before it.
fn attended(key: &str, types: &[String], plain: &str) -> Result<Vec<usize>, Unsupported> {
    let mut attended = Vec::new();
    for (index, name) in types.iter().enumerate() {
        match name.strip_prefix("Attn").unwrap_or(name) {
            kind if kind != plain => return unsupported(key, name),
            kind if kind.len() < name.len() => attended.push(index),
            _ => {}
        }
    }
    Ok(attended)
}

/// `(latent - mean) scaling_factor / std` where mean and standard deviation are given, `(latent - shift) scaling_factor`
/// otherwise.
fn latent_scale(keys: &KlKeys) -> Result<LatentScale, Unsupported> {
    let factor = keys.scaling_factor;
    match (&keys.latents_mean, &keys.latents_std) {
        (Some(mean), Some(std)) => {
            Ok(LatentScale { shift: mean.clone(), scale: std.iter().map(|std| factor / std).collect() })
        }
        (None, None) => {
            Ok(LatentScale { shift: vec![keys.shift_factor.unwrap_or(0.0)], scale: vec![factor] })
        }
        (Some(mean), None) => unsupported("latents_mean", format!("{mean:?} without latents_std")),
        (None, Some(std)) => unsupported("latents_std", format!("{std:?} without latents_mean")),
    }
}

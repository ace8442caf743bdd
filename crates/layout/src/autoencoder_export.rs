use autoencoder::{KlConfig, LatentScale, TrunkConfig, VqConfig};

use crate::LayoutError;
use crate::autoencoder_keys::{KlKeys, TrunkKeys, VqKeys};
use crate::unet_export::activation;
use crate::unet_keys::SampleSize;

/// The keys of `AutoencoderKL` for a network of ours.
pub(crate) fn export_kl(config: &KlConfig, scale: &LatentScale, side: usize) -> KlKeys {
    let keys = KlKeys {
        trunk: trunk(&config.trunk, side),
        latent_channels: config.trunk.latent_channels,
        use_quant_conv: config.quant_conv,
        use_post_quant_conv: config.post_quant_conv,
        ..KlKeys::default()
    };
    match (scale.shift.as_slice(), scale.scale.as_slice()) {
        (&[shift], &[factor]) => {
            KlKeys { scaling_factor: factor, shift_factor: (shift != 0.0).then_some(shift), ..keys }
        }
        (shift, scale) => KlKeys {
            scaling_factor: 1.0,
            latents_mean: Some(for_each(shift, config.trunk.latent_channels)),
            latents_std: Some(
                for_each(scale, config.trunk.latent_channels).iter().map(|s| 1.0 / s).collect(),
            ),
            ..keys
        },
    }
}

/// The keys of `VQModel` for a network of ours.
///
/// # Errors
///
/// If its latents have a shift, or scales of their own in each channel, which that class has not.
pub(crate) fn export_vq(config: &VqConfig, scale: &LatentScale, side: usize) -> Result<VqKeys, LayoutError> {
    let (&[0.0], &[scaling_factor]) = (scale.shift.as_slice(), scale.scale.as_slice()) else {
        return Err(LayoutError::Inexpressible { option: format!("{scale:?} of a VQModel") });
    };
    Ok(VqKeys {
        trunk: trunk(&config.trunk, side),
        latent_channels: config.trunk.latent_channels,
        num_vq_embeddings: config.codes,
        vq_embed_dim: config.code_channels,
        norm_type: if config.spatial_norm { "spatial" } else { "group" }.into(),
        scaling_factor,
        ..VqKeys::default()
    })
}

fn for_each(values: &[f64], channels: usize) -> Vec<f64> {
    if values.len() == 1 { vec![values[0]; channels] } else { values.to_vec() }
}

fn trunk(config: &TrunkConfig, side: usize) -> TrunkKeys {
    let levels = 0..config.channel_mult.len();
    let name = |attends: bool, plain: &str| format!("{}{plain}", if attends { "Attn" } else { "" });
    let down = levels.clone().map(|level| config.encoder_attention.contains(&level));
    let up = levels.rev().map(|level| config.decoder_attention.contains(&level));
    TrunkKeys {
        act_fn: activation(config.activation).into(),
        block_out_channels: config.channel_mult.iter().map(|mult| mult * config.channels).collect(),
        down_block_types: down.map(|attends| name(attends, "DownEncoderBlock2D")).collect(),
        in_channels: config.in_channels,
        layers_per_block: config.num_res_blocks,
        mid_block_add_attention: config.mid_attention,
        norm_num_groups: config.resolved_norm_groups(),
        out_channels: config.out_channels,
        sample_size: SampleSize::Side(side),
        up_block_types: up.map(|attends| name(attends, "UpDecoderBlock2D")).collect(),
    }
}

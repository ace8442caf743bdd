//! How large the network of a configuration is at least, found before it is made.

use autoencoder::TrunkConfig;
use unet::{CrossAttention, Mid, UNetConfig};

/// Tensors that a network of this configuration has at least: four for each residual block, and one for each block that attends
/// to a context.
pub(crate) fn unet_tensors_at_least(config: &UNetConfig) -> usize {
    let levels = config.channel_mult.len();
    let level = |level: usize| {
        let down = attending(config.down_block(level).cross.as_ref());
        let up = attending(config.up_block(level).cross.as_ref());
        let blocks = config.res_blocks(level);
        // One more on the way up.
        blocks.saturating_mul(8 + down + up)
    };
    let mid = match &config.mid {
        Mid::Cross(cross) => attending(Some(cross)),
        _ => 0,
    };
    (0..levels).map(level).fold(mid, usize::saturating_add)
}

/// Blocks behind each residual block.
fn attending(cross: Option<&CrossAttention>) -> usize {
    match cross {
        None => 0,
        Some(CrossAttention::Transformer { depths, .. }) => depths.iter().min().copied().unwrap_or(0),
        Some(CrossAttention::Added { .. }) => 1,
    }
}

/// The same of an autoencoder's encoder and decoder.
pub(crate) fn trunk_tensors_at_least(trunk: &TrunkConfig) -> usize {
    trunk.channel_mult.len().saturating_mul(trunk.num_res_blocks).saturating_mul(8)
}

/// Bytes of the results that a network keeps for its way up, for one image of the given height and width: less than it needs.
pub fn activation_bytes(config: &UNetConfig, [height, width]: [usize; 2]) -> u64 {
    let level = |level: usize| {
        let side = |side: usize| (side >> level).max(1) as u64;
        let channels = (config.channels as u64).saturating_mul(config.channel_mult[level] as u64);
        let kept = 1 + config.res_blocks(level) as u64;
        let pixels = side(height).saturating_mul(side(width));
        pixels.saturating_mul(channels).saturating_mul(4 * kept)
    };
    (0..config.channel_mult.len()).map(level).fold(0, u64::saturating_add)
}

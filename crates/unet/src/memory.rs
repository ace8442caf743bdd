use crate::{CrossAttention, LevelBlock, Mid, UNetConfig};

/// Numbers that a residual block keeps for a pixel, in units of its channels: the inputs of its norms and convolutions.
const RES_BLOCK: f64 = 4.0;
/// The same on the way up, where its input is joined from two.
const JOINED_RES_BLOCK: f64 = 6.0;
/// Of self-attention: its input, queries, keys, values and what they are mixed to.
const ATTENTION: f64 = 6.0;
/// Of a layer of a transformer, with its wide dense layers.
const TRANSFORMER_LAYER: f64 = 24.0;

impl UNetConfig {
    /// About how many numbers the network keeps of each image for its gradients: what a training takes in memory besides
    /// parameters.
    pub fn kept_values(&self) -> f64 {
        let ends = (self.image_size as f64).powi(2) * (2 * self.in_channels + 2 * self.out_channels) as f64;
        let levels = (0..self.levels()).map(|level| {
            let (down, up) = (self.down_block(level), self.up_block(level));
            let blocks = self.res_blocks(level) as f64;
            let resampled = 2.0;
            let kept = blocks * (RES_BLOCK + kept_beside(&down))
                + (blocks + 1.0) * (JOINED_RES_BLOCK + kept_beside(&up))
                + resampled;
            kept * self.values(level)
        });
        let last = self.values(self.levels() - 1);
        let mid = match &self.mid {
            Mid::Attention | Mid::RawAttention => 2.0 * RES_BLOCK + ATTENTION,
            Mid::Cross(cross) => 2.0 * RES_BLOCK + kept_by_cross(cross),
            _ => 2.0 * RES_BLOCK,
        };
        ends + levels.sum::<f64>() + mid * last
    }

    /// Values of the features of an image at a level.
    fn values(&self, level: usize) -> f64 {
        (self.resolution(level) as f64).powi(2) * self.width(level) as f64
    }
}

/// What follows each residual block of a level.
fn kept_beside(block: &LevelBlock) -> f64 {
    let attention = if block.attention { ATTENTION } else { 0.0 };
    attention + block.cross.as_ref().map_or(0.0, kept_by_cross)
}

fn kept_by_cross(cross: &CrossAttention) -> f64 {
    match cross {
        CrossAttention::Transformer { depths, .. } => {
            2.0 + TRANSFORMER_LAYER * depths.iter().max().copied().unwrap_or(0) as f64
        }
        CrossAttention::Added { .. } => ATTENTION,
    }
}

use serde::{Deserialize, Serialize};

use crate::{CrossAttention, UNetConfig};

/// What one level is made of, on the way down or on the way up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelBlock {
    /// Whether self-attention follows the residual blocks.
    #[serde(default)]
    pub attention: bool,
    /// How the resolution changes to the next level.
    pub resample: Resample,
    /// How pixels attend to the context after each residual block, instead of `attention`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross: Option<CrossAttention>,
}

/// How the resolution changes between levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resample {
    /// Down by a convolution of stride 2, up by repeating pixels and a convolution (DDPM).
    Conv,
    /// Down by averaging, up by repeating pixels: no parameters.
    Pool,
    /// By a residual block that averages or repeats pixels within it (BigGAN, ADM).
    Block,
    /// By a residual block that filters within it, with the image itself led past the network from level to level
    /// (NCSN++: Song et al. 2021, arXiv 2011.13456, appendix H).
    Skip,
}

/// The middle of the network, at the lowest resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mid {
    /// A residual block, attention, a residual block (DDPM).
    #[default]
    Attention,
    /// The same without the norm before attention: what the reference library makes where `scale_shift` is set and
    /// the norm's groups are not.
    RawAttention,
    /// A residual block, attention to the context, a residual block.
    Cross(CrossAttention),
    /// Two residual blocks.
    Plain,
    /// One residual block.
    Single,
    /// None.
    Absent,
}

impl LevelBlock {
    /// A level with or without self-attention.
    pub fn new(attention: bool, resample: Resample) -> Self {
        Self { attention, resample, cross: None }
    }

    /// The same with attention to the context in its place.
    pub fn with_cross(self, cross: CrossAttention) -> Self {
        Self { attention: false, cross: Some(cross), ..self }
    }
}

impl UNetConfig {
    /// The block of a level on the way down.
    ///
    /// # Panics
    ///
    /// If there is no such level.
    pub fn down_block(&self, level: usize) -> LevelBlock {
        self.down_blocks.as_ref().map_or_else(|| self.block(level), |blocks| blocks[level].clone())
    }

    /// The block of a level on the way up.
    ///
    /// # Panics
    ///
    /// If there is no such level.
    pub fn up_block(&self, level: usize) -> LevelBlock {
        self.up_blocks.as_ref().map_or_else(|| self.block(level), |blocks| blocks[level].clone())
    }

    fn block(&self, level: usize) -> LevelBlock {
        LevelBlock::new(self.attention_resolutions.contains(&self.resolution(level)), self.resample)
    }
}

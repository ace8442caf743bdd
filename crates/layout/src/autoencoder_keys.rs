use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::unet_keys::SampleSize;

/// The keys that the reference library's `AutoencoderKL` and `VQModel` share, with their defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct TrunkKeys {
    pub act_fn: String,
    pub block_out_channels: Vec<usize>,
    pub down_block_types: Vec<String>,
    pub in_channels: usize,
    pub layers_per_block: usize,
    pub mid_block_add_attention: bool,
    pub norm_num_groups: usize,
    pub out_channels: usize,
    pub sample_size: SampleSize,
    pub up_block_types: Vec<String>,
}

impl Default for TrunkKeys {
    fn default() -> Self {
        Self {
            act_fn: "silu".into(),
            block_out_channels: vec![64],
            down_block_types: vec!["DownEncoderBlock2D".into()],
            in_channels: 3,
            layers_per_block: 1,
            mid_block_add_attention: true,
            norm_num_groups: 32,
            out_channels: 3,
            sample_size: SampleSize::Side(32),
            up_block_types: vec!["UpDecoderBlock2D".into()],
        }
    }
}

/// The keys of `AutoencoderKL`, with its defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct KlKeys {
    #[serde(rename = "_class_name")]
    pub class_name: String,
    #[serde(flatten)]
    pub trunk: TrunkKeys,
    pub force_upcast: bool,
    pub latent_channels: usize,
    pub latents_mean: Option<Vec<f64>>,
    pub latents_std: Option<Vec<f64>>,
    pub scaling_factor: f64,
    pub shift_factor: Option<f64>,
    pub use_post_quant_conv: bool,
    pub use_quant_conv: bool,
    /// What the class does not know.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

impl Default for KlKeys {
    fn default() -> Self {
        Self {
            class_name: "AutoencoderKL".into(),
            trunk: TrunkKeys::default(),
            force_upcast: true,
            latent_channels: 4,
            latents_mean: None,
            latents_std: None,
            scaling_factor: 0.18215,
            shift_factor: None,
            use_post_quant_conv: true,
            use_quant_conv: true,
            others: BTreeMap::new(),
        }
    }
}

/// The keys of `VQModel`, with its defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct VqKeys {
    #[serde(rename = "_class_name")]
    pub class_name: String,
    #[serde(flatten)]
    pub trunk: TrunkKeys,
    pub force_upcast: bool,
    pub latent_channels: usize,
    pub lookup_from_codebook: bool,
    pub norm_type: String,
    pub num_vq_embeddings: usize,
    pub scaling_factor: f64,
    pub vq_embed_dim: Option<usize>,
    /// What the class does not know.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

impl Default for VqKeys {
    fn default() -> Self {
        Self {
            class_name: "VQModel".into(),
            trunk: TrunkKeys::default(),
            force_upcast: false,
            latent_channels: 3,
            lookup_from_codebook: false,
            norm_type: "group".into(),
            num_vq_embeddings: 256,
            scaling_factor: 0.18215,
            vq_embed_dim: None,
            others: BTreeMap::new(),
        }
    }
}

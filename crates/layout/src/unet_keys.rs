use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The keys of the reference library's `UNet2DModel`, with its defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct UNetKeys {
    #[serde(rename = "_class_name")]
    pub class_name: String,
    pub act_fn: String,
    pub add_attention: bool,
    pub attention_head_dim: Option<usize>,
    pub attn_norm_num_groups: Option<usize>,
    pub block_out_channels: Vec<usize>,
    pub center_input_sample: bool,
    pub class_embed_type: Option<String>,
    pub down_block_types: Vec<String>,
    pub downsample_padding: Option<usize>,
    pub downsample_type: Option<String>,
    pub dropout: f64,
    pub flip_sin_to_cos: bool,
    pub freq_shift: f64,
    pub in_channels: usize,
    pub layers_per_block: usize,
    pub mid_block_scale_factor: f64,
    pub mid_block_type: Option<String>,
    pub norm_eps: f64,
    pub norm_num_groups: Option<usize>,
    pub num_class_embeds: Option<usize>,
    pub num_train_timesteps: Option<usize>,
    pub out_channels: usize,
    pub resnet_time_scale_shift: String,
    pub sample_size: Option<SampleSize>,
    pub time_embedding_dim: Option<usize>,
    pub time_embedding_type: String,
    pub up_block_types: Vec<String>,
    pub upsample_type: Option<String>,
    /// Ours: the label of the null class, after all others. The reference library skips names with an underscore.
    #[serde(rename = "_null_class", skip_serializing_if = "Option::is_none")]
    pub null_class: Option<usize>,
    /// What the class does not know.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

/// Height and width of the images, or both at once.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum SampleSize {
    Side(usize),
    Sides([usize; 2]),
}

impl SampleSize {
    /// Height and width.
    pub(crate) fn sides(self) -> [usize; 2] {
        match self {
            Self::Side(side) => [side, side],
            Self::Sides(sides) => sides,
        }
    }
}

impl Default for UNetKeys {
    fn default() -> Self {
        let names = |names: [&str; 4]| names.map(str::to_owned).to_vec();
        Self {
            class_name: "UNet2DModel".into(),
            act_fn: "silu".into(),
            add_attention: true,
            attention_head_dim: Some(8),
            attn_norm_num_groups: None,
            block_out_channels: vec![224, 448, 672, 896],
            center_input_sample: false,
            class_embed_type: None,
            down_block_types: names(["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"]),
            downsample_padding: Some(1),
            downsample_type: Some("conv".into()),
            dropout: 0.0,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
            in_channels: 3,
            layers_per_block: 2,
            mid_block_scale_factor: 1.0,
            mid_block_type: Some("UNetMidBlock2D".into()),
            norm_eps: 1e-5,
            norm_num_groups: Some(32),
            num_class_embeds: None,
            num_train_timesteps: None,
            out_channels: 3,
            resnet_time_scale_shift: "default".into(),
            sample_size: None,
            time_embedding_dim: None,
            time_embedding_type: "positional".into(),
            up_block_types: names(["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"]),
            upsample_type: Some("conv".into()),
            null_class: None,
            others: BTreeMap::new(),
        }
    }
}

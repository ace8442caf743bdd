use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::unet_keys::SampleSize;

/// The keys of the reference library's `UNet2DConditionModel`, with its defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct ConditionKeys {
    #[serde(rename = "_class_name")]
    pub class_name: String,
    pub act_fn: String,
    pub addition_embed_type: Option<String>,
    pub addition_embed_type_num_heads: usize,
    pub addition_time_embed_dim: Option<usize>,
    pub attention_head_dim: OneOrEach<usize>,
    pub attention_type: String,
    pub block_out_channels: Vec<usize>,
    pub center_input_sample: bool,
    pub class_embed_type: Option<String>,
    pub class_embeddings_concat: bool,
    pub conv_in_kernel: usize,
    pub conv_out_kernel: usize,
    pub cross_attention_dim: OneOrEach<usize>,
    pub cross_attention_norm: Option<String>,
    pub down_block_types: Vec<String>,
    pub downsample_padding: usize,
    pub dropout: f64,
    pub dual_cross_attention: bool,
    pub encoder_hid_dim: Option<usize>,
    pub encoder_hid_dim_type: Option<String>,
    pub flip_sin_to_cos: bool,
    pub freq_shift: f64,
    pub in_channels: usize,
    pub layers_per_block: OneOrEach<usize>,
    pub mid_block_only_cross_attention: Option<bool>,
    pub mid_block_scale_factor: f64,
    pub mid_block_type: Option<String>,
    pub norm_eps: f64,
    pub norm_num_groups: Option<usize>,
    pub num_attention_heads: Option<OneOrEach<usize>>,
    pub num_class_embeds: Option<usize>,
    pub only_cross_attention: OneOrEach<bool>,
    pub out_channels: usize,
    pub projection_class_embeddings_input_dim: Option<usize>,
    pub resnet_out_scale_factor: f64,
    pub resnet_skip_time_act: bool,
    pub resnet_time_scale_shift: String,
    pub reverse_transformer_layers_per_block: Option<Vec<OneOrEach<usize>>>,
    pub sample_size: Option<SampleSize>,
    pub time_cond_proj_dim: Option<usize>,
    pub time_embedding_act_fn: Option<String>,
    pub time_embedding_dim: Option<usize>,
    pub time_embedding_type: String,
    pub timestep_post_act: Option<String>,
    pub transformer_layers_per_block: OneOrEach<OneOrEach<usize>>,
    pub up_block_types: Vec<String>,
    /// For numbers of half the precision, in which attention overflows; ours is computed in f32.
    pub upcast_attention: bool,
    /// The same network with a convolution of side 1 in its place; weights of both shapes are read.
    pub use_linear_projection: bool,
    /// What the class does not know.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

/// One value for all levels, or one for each.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(untagged)]
pub(crate) enum OneOrEach<T> {
    // Tried first, lest a list be taken for one value that is a list.
    Each(Vec<T>),
    One(T),
}

impl<T: Clone> OneOrEach<T> {
    /// That of a level; the last where there are too few.
    pub(crate) fn at(&self, level: usize) -> Option<T> {
        match self {
            Self::One(value) => Some(value.clone()),
            Self::Each(values) => values.get(level).or(values.last()).cloned(),
        }
    }
}

impl Default for ConditionKeys {
    fn default() -> Self {
        let names =
            |first: &str, others: &str, last: &str| [first, others, others, last].map(str::to_owned).to_vec();
        Self {
            class_name: "UNet2DConditionModel".into(),
            act_fn: "silu".into(),
            addition_embed_type: None,
            addition_embed_type_num_heads: 64,
            addition_time_embed_dim: None,
            attention_head_dim: OneOrEach::One(8),
            attention_type: "default".into(),
            block_out_channels: vec![320, 640, 1280, 1280],
            center_input_sample: false,
            class_embed_type: None,
            class_embeddings_concat: false,
            conv_in_kernel: 3,
            conv_out_kernel: 3,
            cross_attention_dim: OneOrEach::One(1280),
            cross_attention_norm: None,
            down_block_types: names("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            downsample_padding: 1,
            dropout: 0.0,
            dual_cross_attention: false,
            encoder_hid_dim: None,
            encoder_hid_dim_type: None,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
            in_channels: 4,
            layers_per_block: OneOrEach::One(2),
            mid_block_only_cross_attention: None,
            mid_block_scale_factor: 1.0,
            mid_block_type: Some("UNetMidBlock2DCrossAttn".into()),
            norm_eps: 1e-5,
            norm_num_groups: Some(32),
            num_attention_heads: None,
            num_class_embeds: None,
            only_cross_attention: OneOrEach::One(false),
            out_channels: 4,
            projection_class_embeddings_input_dim: None,
            resnet_out_scale_factor: 1.0,
            resnet_skip_time_act: false,
            resnet_time_scale_shift: "default".into(),
            reverse_transformer_layers_per_block: None,
            sample_size: None,
            time_cond_proj_dim: None,
            time_embedding_act_fn: None,
            time_embedding_dim: None,
            time_embedding_type: "positional".into(),
            timestep_post_act: None,
            transformer_layers_per_block: OneOrEach::One(OneOrEach::One(1)),
            up_block_types: names("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            upcast_attention: false,
            use_linear_projection: false,
            others: BTreeMap::new(),
        }
    }
}

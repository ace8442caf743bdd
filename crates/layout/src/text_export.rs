use std::collections::BTreeMap;

use serde_json::json;
use text::{ClipTextConfig, EndToken, LdmBertConfig, T5Config, TextActivation};

use crate::text_keys::{ClipTextKeys, LdmBertKeys, T5Keys};

/// The keys of `CLIPTextModel`, or of the same with a projection, for an encoder of ours.
pub(crate) fn export_clip(config: &ClipTextConfig) -> ClipTextKeys {
    let class = match config.projection {
        Some(_) => "CLIPTextModelWithProjection",
        None => "CLIPTextModel",
    };
    ClipTextKeys {
        architectures: vec![class.into()],
        eos_token_id: match config.end_token {
            EndToken::Largest => 2,
            EndToken::Id(id) => id,
        },
        hidden_act: activation(config.activation).into(),
        hidden_size: config.channels,
        intermediate_size: config.inner,
        layer_norm_eps: config.norm_eps,
        max_position_embeddings: config.context,
        num_attention_heads: config.heads,
        num_hidden_layers: config.layers,
        projection_dim: config.projection.unwrap_or(ClipTextKeys::default().projection_dim),
        vocab_size: config.vocabulary,
        others: BTreeMap::from([("model_type".into(), json!("clip_text_model"))]),
    }
}

/// The keys of `T5EncoderModel` for an encoder of ours.
pub(crate) fn export_t5(config: &T5Config) -> T5Keys {
    let name = activation(config.activation);
    T5Keys {
        d_ff: config.inner,
        d_kv: config.head_channels,
        d_model: config.channels,
        feed_forward_proj: match (config.gated, name) {
            (true, "gelu_new") => "gated-gelu".into(),
            (true, name) => format!("gated-{name}"),
            (false, name) => name.into(),
        },
        layer_norm_epsilon: config.norm_eps,
        num_heads: config.heads,
        num_layers: config.layers,
        relative_attention_max_distance: config.farthest,
        relative_attention_num_buckets: config.buckets,
        vocab_size: config.vocabulary,
        others: BTreeMap::from([("architectures".into(), json!(["T5EncoderModel"]))]),
        ..T5Keys::default()
    }
}

/// The keys of `LDMBertModel` for an encoder of ours.
pub(crate) fn export_ldm_bert(config: &LdmBertConfig) -> LdmBertKeys {
    LdmBertKeys {
        activation_function: activation(config.activation).into(),
        d_model: config.channels,
        encoder_attention_heads: config.heads,
        encoder_ffn_dim: config.inner,
        encoder_layers: config.layers,
        head_dim: config.head_channels,
        max_position_embeddings: config.context,
        vocab_size: config.vocabulary,
        others: BTreeMap::from([("architectures".into(), json!(["LDMBertModel"]))]),
        ..LdmBertKeys::default()
    }
}

fn activation(activation: TextActivation) -> &'static str {
    match activation {
        TextActivation::Gelu => "gelu",
        TextActivation::QuickGelu => "quick_gelu",
        TextActivation::GeluTanh => "gelu_new",
        TextActivation::Relu => "relu",
        TextActivation::Silu => "silu",
    }
}

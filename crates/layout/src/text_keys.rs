use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The keys of a `CLIPTextModel` that shape it, with the reference library's defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct ClipTextKeys {
    pub architectures: Vec<String>,
    pub eos_token_id: usize,
    pub hidden_act: String,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layer_norm_eps: f64,
    pub max_position_embeddings: usize,
    pub num_attention_heads: usize,
    pub num_hidden_layers: usize,
    pub projection_dim: usize,
    pub vocab_size: usize,
    /// All others.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

impl Default for ClipTextKeys {
    fn default() -> Self {
        Self {
            architectures: vec!["CLIPTextModel".into()],
            eos_token_id: 49407,
            hidden_act: "quick_gelu".into(),
            hidden_size: 512,
            intermediate_size: 2048,
            layer_norm_eps: 1e-5,
            max_position_embeddings: 77,
            num_attention_heads: 8,
            num_hidden_layers: 12,
            projection_dim: 512,
            vocab_size: 49408,
            others: BTreeMap::new(),
        }
    }
}

/// The keys of a `T5EncoderModel` that shape it, with the reference library's defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct T5Keys {
    pub d_ff: usize,
    pub d_kv: usize,
    pub d_model: usize,
    pub feed_forward_proj: String,
    pub layer_norm_epsilon: f64,
    pub model_type: String,
    pub num_heads: usize,
    pub num_layers: usize,
    pub relative_attention_max_distance: usize,
    pub relative_attention_num_buckets: usize,
    pub vocab_size: usize,
    /// All others.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

impl Default for T5Keys {
    fn default() -> Self {
        Self {
            d_ff: 2048,
            d_kv: 64,
            d_model: 512,
            feed_forward_proj: "relu".into(),
            layer_norm_epsilon: 1e-6,
            model_type: "t5".into(),
            num_heads: 8,
            num_layers: 6,
            relative_attention_max_distance: 128,
            relative_attention_num_buckets: 32,
            vocab_size: 32128,
            others: BTreeMap::new(),
        }
    }
}

/// The keys of an `LDMBertModel` that shape it, with the reference library's defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct LdmBertKeys {
    pub activation_function: String,
    pub d_model: usize,
    pub encoder_attention_heads: usize,
    pub encoder_ffn_dim: usize,
    pub encoder_layers: usize,
    pub head_dim: usize,
    pub max_position_embeddings: usize,
    pub model_type: String,
    pub vocab_size: usize,
    /// All others.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

impl Default for LdmBertKeys {
    fn default() -> Self {
        Self {
            activation_function: "gelu".into(),
            d_model: 1280,
            encoder_attention_heads: 8,
            encoder_ffn_dim: 5120,
            encoder_layers: 32,
            head_dim: 64,
            max_position_embeddings: 77,
            model_type: "ldmbert".into(),
            vocab_size: 30522,
            others: BTreeMap::new(),
        }
    }
}

/// Keys that do not change what a trained encoder answers: those of dropout, of initial weights, of text generation, and
/// what the reference library notes about itself.
pub(crate) const INERT: [&str; 39] = [
    "activation_dropout",
    "architectures",
    "attention_dropout",
    "bos_token_id",
    "classifier_dropout",
    "decoder_start_token_id",
    "dense_act_fn",
    "dropout",
    "dropout_rate",
    "dtype",
    "encoder_layerdrop",
    "eos_token_id",
    "gradient_checkpointing",
    "id2label",
    "init_std",
    "initializer_factor",
    "initializer_range",
    "is_decoder",
    "is_encoder_decoder",
    "is_gated_act",
    "label2id",
    "model_type",
    "n_positions",
    "num_decoder_layers",
    "num_hidden_layers",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "pad_token_id",
    "problem_type",
    "return_dict",
    "scale_decoder_outputs",
    "task_specific_params",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "use_cache",
];

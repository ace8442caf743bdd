use std::collections::BTreeMap;

use serde_json::Value;
use text::{ClipTextConfig, EndToken, LdmBertConfig, T5Config, TextActivation};

use crate::text_keys::{ClipTextKeys, INERT, LdmBertKeys, T5Keys};
use crate::unet_import::{Unsupported, unsupported};

/// The encoder that the keys of a `CLIPTextModel` describe, with its projection where the class says so.
pub(crate) fn import_clip(keys: &ClipTextKeys) -> Result<ClipTextConfig, Unsupported> {
    check_others(&keys.others)?;
    let projects = match keys.architectures.first().map(String::as_str) {
        None | Some("CLIPTextModel") => false,
        Some("CLIPTextModelWithProjection") => true,
        Some(other) => return unsupported("architectures", other),
    };
    Ok(ClipTextConfig {
        vocabulary: keys.vocab_size,
        context: keys.max_position_embeddings,
        channels: keys.hidden_size,
        inner: keys.intermediate_size,
        layers: keys.num_hidden_layers,
        heads: keys.num_attention_heads,
        activation: activation("hidden_act", &keys.hidden_act)?,
        norm_eps: keys.layer_norm_eps,
        // Configurations from before 2023 name a wrong end token, 2: for these the largest is taken.
        end_token: if keys.eos_token_id == 2 { EndToken::Largest } else { EndToken::Id(keys.eos_token_id) },
        projection: projects.then_some(keys.projection_dim),
    })
}

/// The encoder that the keys of a `T5EncoderModel` describe.
pub(crate) fn import_t5(keys: &T5Keys) -> Result<T5Config, Unsupported> {
    check_others(&keys.others)?;
    if keys.model_type != "t5" {
        return unsupported("model_type", &keys.model_type);
    }
    let key = "feed_forward_proj";
    let (gated, name) = match keys.feed_forward_proj.strip_prefix("gated-") {
        // "gated-gelu" has always been the approximation.
        Some("gelu") => (true, "gelu_new"),
        Some(name) => (true, name),
        None => (false, keys.feed_forward_proj.as_str()),
    };
    Ok(T5Config {
        vocabulary: keys.vocab_size,
        channels: keys.d_model,
        inner: keys.d_ff,
        layers: keys.num_layers,
        heads: keys.num_heads,
        head_channels: keys.d_kv,
        activation: activation(key, name)?,
        gated,
        buckets: keys.relative_attention_num_buckets,
        farthest: keys.relative_attention_max_distance,
        norm_eps: keys.layer_norm_epsilon,
    })
}

/// The encoder that the keys of an `LDMBertModel` describe.
pub(crate) fn import_ldm_bert(keys: &LdmBertKeys) -> Result<LdmBertConfig, Unsupported> {
    let others = keys.others.iter().filter(|(key, _)| *key != "scale_embedding");
    check_others(&others.map(|(key, value)| (key.clone(), value.clone())).collect())?;
    if keys.model_type != "ldmbert" {
        return unsupported("model_type", &keys.model_type);
    }
    Ok(LdmBertConfig {
        vocabulary: keys.vocab_size,
        context: keys.max_position_embeddings,
        channels: keys.d_model,
        inner: keys.encoder_ffn_dim,
        layers: keys.encoder_layers,
        heads: keys.encoder_attention_heads,
        head_channels: keys.head_dim,
        activation: activation("activation_function", &keys.activation_function)?,
    })
}

fn check_others(others: &BTreeMap<String, Value>) -> Result<(), Unsupported> {
    let known = |key: &str| key.starts_with('_') || INERT.contains(&key);
    match others.iter().find(|(key, value)| !known(key) && !value.is_null()) {
        Some((key, value)) => unsupported(key, format_args!("{value}")),
        None => Ok(()),
    }
}

fn activation(key: &str, name: &str) -> Result<TextActivation, Unsupported> {
    match name {
        "gelu" => Ok(TextActivation::Gelu),
        "quick_gelu" => Ok(TextActivation::QuickGelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(TextActivation::GeluTanh),
        "relu" => Ok(TextActivation::Relu),
        "silu" | "swish" => Ok(TextActivation::Silu),
        other => unsupported(key, other),
    }
}

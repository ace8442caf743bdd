use crate::module_weights::ParameterNames;

fn joined(path: &[String]) -> String {
    path.join(".").replace("gamma", "weight").replace("beta", "bias")
}

/// The names of `CLIPTextModel` and of the same with a projection.
pub(crate) struct ClipTextNames;

impl ParameterNames for ClipTextNames {
    fn reference(&self, path: &[String], rank: usize) -> (String, bool) {
        let name = joined(path);
        let is_table = name.contains("_embedding.");
        if name.starts_with("text_projection.") {
            return (name, true);
        }
        let place = match path.first().map(String::as_str) {
            Some("layers") => "encoder.",
            Some("final_layer_norm") => "",
            _ => "embeddings.",
        };
        let name = name.replace(".fc1.", ".mlp.fc1.").replace(".fc2.", ".mlp.fc2.");
        (format!("text_model.{place}{name}"), rank == 2 && !is_table)
    }

    /// Some files leave out the prefix; some hold a table of positions, which is no parameter.
    fn modern(&self, name: &str) -> Option<String> {
        if name.ends_with("position_ids") {
            return None;
        }
        let prefixed = name.starts_with("text_model.") || name.starts_with("text_projection.");
        Some(if prefixed { name.to_owned() } else { format!("text_model.{name}") })
    }
}

/// The names of `T5EncoderModel`.
pub(crate) struct T5Names {
    /// Whether the feed-forward networks have a gate.
    pub(crate) gated: bool,
}

impl ParameterNames for T5Names {
    fn reference(&self, path: &[String], rank: usize) -> (String, bool) {
        let name = joined(path);
        match path.first().map(String::as_str) {
            Some("shared") => return (name, false),
            Some("relative_attention_bias") => {
                return (format!("encoder.block.0.layer.0.SelfAttention.{name}"), false);
            }
            _ => {}
        }
        // Without a gate the first layer is called `wi`, with one `wi_0`, and the gate `wi_1`.
        let name = name
            .replace(".attention_norm.", ".layer.0.layer_norm.")
            .replace(".attention.", ".layer.0.SelfAttention.")
            .replace("_proj.", ".")
            .replace(".out.", ".o.")
            .replace(".feed_forward_norm.", ".layer.1.layer_norm.")
            .replace(".feed_forward.gate.", ".feed_forward.wi_1.")
            .replace(".feed_forward.", ".layer.1.DenseReluDense.");
        let name = if self.gated { name.replace(".wi.", ".wi_0.") } else { name };
        (format!("encoder.{name}"), rank == 2)
    }

    /// A whole T5 holds a decoder, which no image model reads, and its table of tokens under a second name.
    fn modern(&self, name: &str) -> Option<String> {
        match name {
            "encoder.embed_tokens.weight" => Some("shared.weight".into()),
            "lm_head.weight" => None,
            other if other.starts_with("decoder.") => None,
            other => Some(other.into()),
        }
    }
}

/// The names of `LDMBertModel`.
pub(crate) struct LdmBertNames;

impl ParameterNames for LdmBertNames {
    fn reference(&self, path: &[String], rank: usize) -> (String, bool) {
        let name = joined(path)
            .replace(".layer_norm1.", ".self_attn_layer_norm.")
            .replace(".layer_norm2.", ".final_layer_norm.");
        let is_table = name.starts_with("embed_");
        (format!("model.{name}"), rank == 2 && !is_table)
    }

    /// The layer that predicts tokens is no part of the encoder.
    fn modern(&self, name: &str) -> Option<String> {
        (!name.starts_with("to_logits.")).then(|| name.to_owned())
    }
}

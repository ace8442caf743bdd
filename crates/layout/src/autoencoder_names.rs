use crate::module_weights::ParameterNames;
use crate::parameter_names::modern_name;

/// The names of `AutoencoderKL` and `VQModel`.
pub(crate) struct AutoencoderNames;

impl ParameterNames for AutoencoderNames {
    fn reference(&self, path: &[String], rank: usize) -> (String, bool) {
        let name = path
            .join(".")
            .replace("gamma", "weight")
            .replace("beta", "bias")
            .replace(".norm.Group.", ".group_norm.")
            .replace(".norm.Spatial.", ".spatial_norm.")
            .replace(".Group.", ".")
            .replace(".Spatial.", ".")
            .replace("to_out", "to_out.0")
            .replace("mid_block.attention.", "mid_block.attentions.0.")
            .replace("sampler.", "samplers.0.conv.");
        let is_table = name == "quantize.embedding.weight";
        (name, rank == 2 && !is_table)
    }

    fn modern(&self, name: &str) -> Option<String> {
        Some(modern_name(name))
    }
}

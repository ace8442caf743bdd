use unet::{ContextInput, Resample, UNetConfig};

/// Ours and the reference library's spelling, in the order in which they are replaced.
const SPELLINGS: [(&str, &str); 23] = [
    ("gamma", "weight"),
    ("beta", "bias"),
    (".Transformer.", "."),
    (".Added.", "."),
    ("to_out", "to_out.0"),
    ("ff.gated.", "ff.net.0.proj."),
    ("ff.out.", "ff.net.2."),
    ("mid_block.attention.", "mid_block.attentions.0."),
    ("mid_block.cross_attention.", "mid_block.attentions.0."),
    ("cross_attentions.", "attentions."),
    ("time_proj.fourier.", "time_proj."),
    ("time_proj.learned.", "time_proj."),
    ("class_projection.", "class_embedding."),
    ("class_linear.", "class_embedding."),
    ("add_embedding.Text.", "add_embedding."),
    ("add_embedding.TextAndSizes.network.", "add_embedding."),
    ("add_embedding.Image.", "add_embedding."),
    ("add_embedding.TextAndImage.", "add_embedding."),
    ("encoder_hid_proj.image_norm.", "encoder_hid_proj.norm."),
    ("encoder_hid_proj.image.", "encoder_hid_proj.image_embeds."),
    ("encoder_hid_proj.text.", "encoder_hid_proj.text_proj."),
    ("input_skip.", ""),
    ("output_skip.", ""),
];

/// The reference library's name of a parameter of our network, and whether it stores it transposed.
///
/// `path` are the names of the modules that hold it and its own.
pub(crate) fn reference_name(path: &[String], rank: usize, config: &UNetConfig) -> (String, bool) {
    let ours = path.join(".");
    let mut name = SPELLINGS.iter().fold(ours.clone(), |name, (from, to)| name.replace(from, to));
    // A projected text has the layer to itself.
    if matches!(config.context.map(|context| context.input), Some(ContextInput::ProjectedText(_))) {
        name = name.replace("encoder_hid_proj.text_proj.", "encoder_hid_proj.");
    }
    let is_table = ours.starts_with("class_embedding.")
        || ours.starts_with("time_proj.learned.")
        || ours.ends_with("positional_embedding");
    (resampler_name(&name, path, config), rank == 2 && !is_table)
}

/// The block between two levels is `downsamplers.0`, or `resnet_down` where the image is led past it.
fn resampler_name(name: &str, path: &[String], config: &UNetConfig) -> String {
    let level = path.get(1).and_then(|index| index.parse::<usize>().ok());
    let skips = match (path.first().map(String::as_str), level) {
        (Some("down_blocks"), Some(level)) => config.down_block(level).resample == Resample::Skip,
        (Some("up_blocks"), Some(index)) => {
            config.up_block(config.channel_mult.len() - 1 - index).resample == Resample::Skip
        }
        _ => false,
    };
    if skips {
        name.replace("downsampler.block.", "resnet_down.").replace("upsampler.block.", "resnet_up.")
    } else {
        name.replace("sampler.block.", "sampler.").replace("sampler.", "samplers.0.")
    }
}

/// The present spelling of a name in a file: that of attention's layers and of Fourier's frequencies has changed.
pub(crate) fn modern_name(name: &str) -> String {
    let name = if name == "time_proj.W" { "time_proj.weight" } else { name };
    if !name.contains(".attentions.") {
        return name.to_owned();
    }
    name.replace(".query.", ".to_q.")
        .replace(".key.", ".to_k.")
        .replace(".value.", ".to_v.")
        .replace(".proj_attn.", ".to_out.0.")
}

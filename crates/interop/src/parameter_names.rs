use unet::{Resample, UNetConfig};

/// The reference library's name of a parameter of our network, and whether it stores it transposed.
///
/// `path` are the names of the modules that hold it and its own.
pub(crate) fn reference_name(path: &[String], rank: usize, config: &UNetConfig) -> (String, bool) {
    let name = path
        .join(".")
        .replace("gamma", "weight")
        .replace("beta", "bias")
        .replace("to_out", "to_out.0")
        .replace("mid_block.attention.", "mid_block.attentions.0.")
        .replace("time_proj.fourier.", "time_proj.")
        .replace("time_proj.learned.", "time_proj.")
        .replace("class_projection.", "class_embedding.")
        .replace("input_skip.", "")
        .replace("output_skip.", "");
    let is_table = matches!(name.as_str(), "class_embedding.weight" | "time_proj.weight");
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

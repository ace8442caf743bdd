use std::fs;
use std::path::Path;

use autoencoder::AutoencoderConfig;
use layout::{write_autoencoder, write_json};
use schedules::Spacing;
use serde_json::json;
use train::{ConcatConfig, LatentRunConfig, TrainedLatent};

use crate::scheduler_export::{Range, Sampling, sampling};
use crate::{InteropError, write_unet};

/// Writes a run of latent diffusion, its first stage and, where it reads texts by one, its CLIP encoder as a folder that the
/// reference library loads, and says the class of the pipeline.
///
/// # Errors
///
/// If a part has no counterpart there, which is found before anything is written; or a file cannot be written.
pub fn export_latent(trained: &TrainedLatent, folder: &Path) -> Result<&'static str, InteropError> {
    let config = &trained.config;
    let (class, first_stage) = pipeline(config, &trained.first_stage.model)?;
    let Sampling { class: solver, keys, .. } = sampling(&config.of_latents(), Range::Latents)?;
    // First, because an encoder may be refused.
    let failed = |error: train::TrainError| InteropError::damaged(folder)(error.to_string());
    let text = match &config.text {
        Some(text) => Some(text.folder().map_err(failed)?.copy_parts(folder)?),
        None => None,
    };
    let scheduler = folder.join("scheduler");
    let unet = write_unet(&trained.net.unet, &config.model, &folder.join("unet"))?;
    fs::create_dir_all(&scheduler).map_err(InteropError::io("create", &scheduler))?;
    write_json(&scheduler.join("scheduler_config.json"), &keys)?;
    let stage = &trained.first_stage;
    let [_, side, _] = stage.image_shape([0, config.model.image_size, config.model.image_size]);
    let (network, shape, scale) = (stage.autoencoder.clone(), stage.model.clone(), stage.scale.clone());
    let decoder = write_autoencoder(network, shape, scale, side, &folder.join(first_stage))?;
    let mut index = json!({
        "_class_name": class,
        "_diffusers_version": "0.42.1",
        "scheduler": ["diffusers", solver],
        "unet": ["diffusers", unet],
        first_stage: ["diffusers", decoder],
    });
    if let Some([encoder, tokenizer]) = text {
        index["text_encoder"] = json!(["transformers", encoder]);
        index["tokenizer"] = json!(["transformers", tokenizer]);
        for part in ["safety_checker", "feature_extractor", "image_encoder"] {
            index[part] = json!([null, null]);
        }
        index["requires_safety_checker"] = json!(false);
    }
    write_json(&folder.join("model_index.json"), &index)?;
    Ok(class)
}

/// The pipeline that draws as the run does, and what it calls the first stage.
fn pipeline(
    config: &LatentRunConfig,
    first_stage: &AutoencoderConfig,
) -> Result<(&'static str, &'static str), InteropError> {
    let inexpressible = |option: &str| Err(InteropError::Inexpressible { option: option.into() });
    let colours = first_stage.trunk().out_channels;
    match (&config.text, config.concat) {
        (_, Some(ConcatConfig::SuperResolution)) => inexpressible("concat = \"super_resolution\""),
        (None, Some(ConcatConfig::Inpainting)) => {
            inexpressible("concat = \"inpainting\" without a text encoder")
        }
        (Some(text), _) if text.model.is_none() => {
            inexpressible("[text] with an encoder of words that was trained with the network")
        }
        (Some(text), _) if text.context.is_some() => inexpressible("text.context"),
        // That library's pipelines set it to 1.
        (Some(_), _) if matches!(config.sample.spacing, Spacing::Leading { offset } if offset != 1) => {
            inexpressible("sample.spacing = \"leading\" with another offset than 1, beside a text encoder,")
        }
        (Some(_), _) if colours != 3 => {
            inexpressible("an image of other than three channels, beside a text encoder,")
        }
        (Some(_), _) if matches!(first_stage, AutoencoderConfig::Vq(_)) => {
            inexpressible("a first stage with a codebook, beside a text encoder,")
        }
        (Some(_), Some(ConcatConfig::Inpainting)) => Ok(("StableDiffusionInpaintPipeline", "vae")),
        (Some(_), None) => Ok(("StableDiffusionPipeline", "vae")),
        (None, None) => Ok(("LDMPipeline", "vqvae")),
    }
}

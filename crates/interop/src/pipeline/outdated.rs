//! What the constructors of the reference library's pipelines correct in parts that were written before their options.

use std::fs;
use std::path::Path;

use autoencoder::LatentScale;
use serde_json::{Value, json};

use super::FirstStage;
use crate::{FolderSampler, InteropError};

/// Side of the latents of each Stable Diffusion that is older than [`SIDE_SINCE`].
const SIDE: usize = 64;
/// The version from which a network's `sample_size` is its own.
const SIDE_SINCE: [u64; 2] = [0, 9];
/// The scale of the upscaler's latents, whatever its autoencoder says.
const UPSCALER: f64 = 0.08333;

/// The scheduler of a pipeline's class: old files lack options whose defaults are those of pixels.
pub(super) fn scheduler(class: &str, sampler: FolderSampler) -> Result<FolderSampler, InteropError> {
    match class {
        "StableDiffusionPipeline" | "StableDiffusionImg2ImgPipeline" => {
            sampler.with_options([("steps_offset", json!(1)), ("clip_sample", json!(false))])
        }
        "StableDiffusionInpaintPipeline" => {
            sampler.with_options([("steps_offset", json!(1)), ("skip_prk_steps", json!(true))])
        }
        _ => Ok(sampler),
    }
}

/// The first stage of a pipeline's class.
pub(super) fn first_stage(class: &str, mut stage: FirstStage) -> FirstStage {
    if let ("StableDiffusionUpscalePipeline", FirstStage::Kl(folder)) = (class, &mut stage) {
        folder.scale = LatentScale::uniform(UPSCALER);
    }
    stage
}

/// Height and width of what the network of a pipeline's class draws.
pub(super) fn sample_size(
    class: &str,
    network: &Path,
    size: Option<[usize; 2]>,
) -> Result<Option<[usize; 2]>, InteropError> {
    let old_side = |[height, width]: [usize; 2]| height == width && height < SIDE;
    let stable = matches!(
        class,
        "StableDiffusionPipeline" | "StableDiffusionImg2ImgPipeline" | "StableDiffusionInpaintPipeline"
    );
    if stable && size.is_some_and(old_side) && is_old(network)? {
        return Ok(Some([SIDE; 2]));
    }
    Ok(size)
}

/// Whether a version before [`SIDE_SINCE`] wrote a network's configuration, with one number for its size.
fn is_old(network: &Path) -> Result<bool, InteropError> {
    let path = network.join("config.json");
    let text = fs::read_to_string(&path).map_err(InteropError::io("read", &path))?;
    let keys: Value = serde_json::from_str(&text).map_err(InteropError::damaged(&path))?;
    let Some(version) = keys.get("_diffusers_version").and_then(Value::as_str) else { return Ok(false) };
    let numbers: Option<Vec<u64>> = version.split('.').take(2).map(|part| part.parse().ok()).collect();
    let one_number = keys.get("sample_size").is_some_and(Value::is_u64);
    Ok(one_number && numbers.is_some_and(|numbers| numbers[..] < SIDE_SINCE[..]))
}

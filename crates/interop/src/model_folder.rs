use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::{DType, Device};
use layout::{activation_bytes, check_memory, part_folder, write_json};
use schedules::Schedule;
use serde_json::{Value, json};
use train::{RunConfig, TrainedModel};
use unet::{AddedInput, ClassInput, TimeEncoding, UNetConfig};

use crate::scheduler_export::{Range, Sampling, sampling};
use crate::{FolderSampler, ImportedUNet, InteropError, Scheduler, UNetFolder, read_unet_config, write_unet};

/// Steps of the reference library's `DDPMPipeline`, unless it is called otherwise.
const DDPM_STEPS: usize = 1000;

/// A folder in the diffusers layout for unconditional and class-conditional images: `model_index.json`,
/// `unet/{config.json, diffusion_pytorch_model.safetensors}` and `scheduler/scheduler_config.json`, or the same files without
/// the folders of the parts.
#[derive(Debug)]
pub struct ModelFolder {
    /// The network with all that sampling from it needs.
    pub model: TrainedModel,
    /// Its shape.
    pub unet: UNetConfig,
    /// How its scheduler says it is sampled.
    pub sampler: FolderSampler,
}

impl ModelFolder {
    /// Reads a folder.
    ///
    /// # Errors
    ///
    /// If a file is missing or damaged, a part or an option is one that we do not have, or the weights are those of
    /// another network.
    pub fn read(folder: &Path, device: &Device) -> Result<Self, InteropError> {
        let class = check_parts(&folder.join("model_index.json"))?;
        let sampler = FolderSampler::read(&part_folder(folder, "scheduler").join("scheduler_config.json"))?;
        let sampler = match class.as_str() {
            "DDPMPipeline" => sampler.in_steps(DDPM_STEPS),
            // It draws with this scheduler, whichever the folder has.
            "DDIMPipeline" => sampler.of_class("DDIMScheduler")?,
            _ => sampler,
        };
        let (scheduler, _) = sampler.scheduler()?;
        let unet_folder = part_folder(folder, "unet");
        let config_file = unet_folder.join("config.json");
        let ImportedUNet { config: unet, sample_size } = read_unet_config(&config_file)?;
        let unfit = |(option, value): (&str, String)| InteropError::Unsupported {
            path: config_file.clone(),
            option: option.into(),
            value,
        };
        let [height, width] = sample_size.ok_or_else(|| unfit(("sample_size", "null".into())))?;
        check_samples(&unet, &scheduler).map_err(unfit)?;
        check_memory(activation_bytes(&unet, [height, width])).map_err(|needs| {
            let reason = format!("sample_size = {height}x{width} {needs}");
            InteropError::Size { config: config_file.clone(), reason }
        })?;
        let UNetFolder { network: net, .. } = UNetFolder::read(&unet_folder, device, DType::F32)?;
        let model = TrainedModel {
            class_names: None,
            empty_classes: Vec::new(),
            net,
            curve: scheduler.grid.curve().clone(),
            parameterization: scheduler.parameterization,
            variance: scheduler.variance,
            num_classes: unet.num_classes,
            image_shape: [unet.in_channels, height, width],
            clip_x0: scheduler.limit.is_some(),
            device: device.clone(),
        };
        Ok(Self { model, unet, sampler })
    }
}

/// What a sampler of images asks of a network, beyond that it exists.
fn check_samples(unet: &UNetConfig, scheduler: &Scheduler) -> Result<(), (&'static str, String)> {
    if !matches!(unet.in_channels, 1 | 3) {
        let value = format!(
            "{} in a folder without an autoencoder, whose images have 1 or 3 channels,",
            unet.in_channels
        );
        return Err(("in_channels", value));
    }
    let halves = if scheduler.variance.is_some() { 2 } else { 1 };
    if unet.out_channels != halves * unet.in_channels {
        let learned = if halves == 2 { "a learned" } else { "no learned" };
        let value = format!(
            "{} with in_channels = {} and {learned} variance_type of the scheduler",
            unet.out_channels, unet.in_channels
        );
        return Err(("out_channels", value));
    }
    if unet.class_input != ClassInput::Label {
        return Err(("class_embed_type", format!("{:?}", unet.class_input).to_lowercase()));
    }
    if unet.context.is_some() || unet.added_input != AddedInput::Nothing {
        return Err(("cross_attention_dim", "given, in a folder that is no pipeline with an encoder".into()));
    }
    if unet.time_encoding == TimeEncoding::Fourier {
        return Err(("time_embedding_type", "fourier with a scheduler of timesteps".into()));
    }
    let timesteps = scheduler.chain().map(Schedule::num_train_timesteps);
    match (unet.num_timesteps, timesteps) {
        (Some(known), Some(timesteps)) if known < timesteps => {
            Err(("num_train_timesteps", format!("{known} with a scheduler of {timesteps}")))
        }
        (Some(known), None) => {
            Err(("num_train_timesteps", format!("{known} with a scheduler of other times too")))
        }
        _ => Ok(()),
    }
}

/// The pipeline's class; folders whose parts we would leave out are refused.
fn check_parts(path: &Path) -> Result<String, InteropError> {
    let text = fs::read_to_string(path).map_err(InteropError::io("read", path))?;
    let parts: BTreeMap<String, Value> = serde_json::from_str(&text).map_err(InteropError::damaged(path))?;
    let class = |name: &str| parts.get(name).and_then(|part| part.get(1)).and_then(Value::as_str);
    if let Some(missing) = ["unet", "scheduler"].into_iter().find(|name| class(name).is_none()) {
        return Err(InteropError::damaged(path)(format!("it names no {missing}")));
    }
    let other = |(name, part): &(&String, &Value)| {
        !name.starts_with('_')
            && *name != "unet"
            && *name != "scheduler"
            && class(name).is_some()
            && part.is_array()
    };
    match parts.iter().find(other) {
        Some((name, part)) => Err(InteropError::Unsupported {
            path: path.to_path_buf(),
            option: name.clone(),
            value: part.to_string(),
        }),
        None => Ok(parts.get("_class_name").and_then(Value::as_str).unwrap_or_default().to_owned()),
    }
}

/// Writes a run's averaged network as a folder that the reference library loads, and says the class of its scheduler.
///
/// # Errors
///
/// If the network has no counterpart there, or a file cannot be written.
pub fn export_run(
    model: &TrainedModel,
    config: &RunConfig,
    folder: &Path,
) -> Result<&'static str, InteropError> {
    let Sampling { class, pipeline, keys } = sampling(config, Range::Pixels)?;
    let network = write_unet(&model.net, &config.model, &folder.join("unet"))?;
    let scheduler = folder.join("scheduler");
    fs::create_dir_all(&scheduler).map_err(InteropError::io("create", &scheduler))?;
    write_json(&scheduler.join("scheduler_config.json"), &keys)?;
    let index = json!({
        "_class_name": pipeline,
        "_diffusers_version": "0.42.1",
        "scheduler": ["diffusers", class],
        "unet": ["diffusers", network],
    });
    write_json(&folder.join("model_index.json"), &index)?;
    Ok(class)
}

use std::path::{Path, PathBuf};

use burn::prelude::*;
use burn::tensor::DType;
use layout::{activation_bytes, check_memory, part_folder, read_autoencoder_config};
use schedules::Schedule;
use serde_json::Value;
use unet::{UNet, UNetConfig};

use super::channels::{Channels, Misfit};
use super::kind::Parts;
use super::{FirstStage, ModelIndex, PipelineError, PipelineKind, Task, outdated};
use crate::{FolderSampler, ImportedUNet, InteropError, UNetFolder, read_unet_config};

/// A model folder that draws images, taken apart.
#[derive(Debug)]
pub struct Pipeline {
    /// Where it was read.
    pub folder: PathBuf,
    /// Its class in the reference library.
    pub class: String,
    /// What it draws.
    pub kind: PipelineKind,
    /// The network.
    pub net: UNet,
    /// Its shape.
    pub config: UNetConfig,
    /// How its scheduler says it is sampled.
    pub sampler: FolderSampler,
    /// What decodes what the network draws.
    pub first_stage: FirstStage,
    /// Where it is.
    pub device: Device,
    /// Precision of the network; that of the first stage and of the walk is f32.
    pub dtype: DType,
    /// Height and width of what the network draws, unless told otherwise.
    pub(super) sample_size: Option<[usize; 2]>,
    pub(super) noising: Option<Noising>,
}

/// How a small image is noised before it is enlarged.
#[derive(Clone, Debug)]
pub(super) struct Noising {
    pub(super) schedule: Schedule,
    /// The largest timestep that the network knows.
    pub(super) most: usize,
}

impl Pipeline {
    /// Reads a folder, its network in the given precision. Text encoders are read by
    /// [`TextStage::read`](super::TextStage::read), because they are not needed while images are drawn.
    ///
    /// # Errors
    ///
    /// If a part is missing, which is found before any is read; if a part is damaged, or is one that we do not have.
    pub fn read(folder: &Path, device: &Device, dtype: DType) -> Result<Self, PipelineError> {
        Self::of_index(ModelIndex::read(folder)?, device, dtype)
    }

    /// Reads the folder of an index.
    pub(crate) fn of_index(index: ModelIndex, device: &Device, dtype: DType) -> Result<Self, PipelineError> {
        let (kind, folder) = (index.checked_kind()?, index.folder().to_path_buf());
        let Parts { first_stage, noising, .. } = kind.parts();
        let sampler = index.sampler(Task::Generate)?;
        check_sizes(&folder, kind, &sampler)?;
        let noising = noising.map(|name| Noising::read(&folder, name, &index)).transpose()?;
        let first_stage = match first_stage {
            Some(name) => {
                let class = index.part(name).unwrap_or_default();
                let read = FirstStage::read(&part_folder(&folder, name), class, device)?;
                outdated::first_stage(&index.class, read)
            }
            None => FirstStage::Pixels,
        };
        let UNetFolder { network: net, config, sample_size } =
            UNetFolder::read(&part_folder(&folder, "unet"), device, dtype)?;
        let sample_size = outdated::sample_size(&index.class, &part_folder(&folder, "unet"), sample_size)?;
        Ok(Self {
            folder,
            class: index.class,
            kind,
            net,
            config,
            sampler,
            first_stage,
            device: device.clone(),
            dtype,
            sample_size,
            noising,
        })
    }

    /// Refuses images of a size that no machine like this one can draw.
    pub(super) fn check_memory(&self, [height, width]: [usize; 2]) -> Result<(), InteropError> {
        let factor = self.first_stage.factor();
        check_memory(activation_bytes(&self.config, [height / factor, width / factor])).map_err(|needs| {
            let config = part_folder(&self.folder, "unet").join("config.json");
            InteropError::Size { config, reason: format!("an image of {height}x{width} {needs}") }
        })
    }

    /// Height and width in pixels, unless told otherwise; none where the folder does not say.
    pub fn size(&self) -> Option<[usize; 2]> {
        self.sample_size.map(|size| size.map(|side| side * self.first_stage.factor()))
    }
}

/// Checks that the network, the autoencoder and the scheduler of a folder fit each other, and that the network's own size is
/// one that the machine holds, before weights are read.
fn check_sizes(folder: &Path, kind: PipelineKind, sampler: &FolderSampler) -> Result<(), InteropError> {
    let of_unet = part_folder(folder, "unet").join("config.json");
    let ImportedUNet { config, sample_size } = read_unet_config(&of_unet)?;
    let first_stage = kind.parts().first_stage.map(|name| part_folder(folder, name));
    let autoencoder = first_stage.as_deref().map(read_autoencoder_config).transpose()?;
    let channels = Channels::of(autoencoder.as_ref());
    let unfit = |path: PathBuf| {
        move |(option, value): Misfit| InteropError::Unsupported { path, option: option.into(), value }
    };
    let of_first_stage = first_stage.unwrap_or_default().join("config.json");
    channels.check_images().map_err(unfit(of_first_stage))?;
    let learned = sampler.scheduler()?.0.variance.is_some();
    channels.check_network(kind, &config, learned).map_err(unfit(of_unet.clone()))?;
    let Some([height, width]) = sample_size else { return Ok(()) };
    check_memory(activation_bytes(&config, [height, width])).map_err(|needs| InteropError::Size {
        config: of_unet,
        reason: format!("sample_size = {height}x{width} {needs}"),
    })
}

impl Noising {
    fn read(folder: &Path, name: &str, index: &ModelIndex) -> Result<Self, InteropError> {
        let path = part_folder(folder, name).join("scheduler_config.json");
        let sampler = FolderSampler::read(&path)?;
        let (scheduler, _) = sampler.scheduler()?;
        let Some(schedule) = scheduler.chain() else {
            return Err(InteropError::Scheduler {
                path,
                reason: format!("{} to noise images", sampler.class()),
            });
        };
        let last = schedule.num_train_timesteps() - 1;
        let limit = index.setting("max_noise_level").and_then(Value::as_u64);
        let most = limit.map_or(last, |limit| (limit as usize).min(last));
        Ok(Self { schedule: schedule.clone(), most })
    }
}

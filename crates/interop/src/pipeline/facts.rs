use std::path::Path;

use layout::{part_folder, read_unet_config};
use unet::ClassInput;

use super::{ModelIndex, PipelineKind, Task};
use crate::{FolderSampler, InteropError};

/// What decides which options a pipeline's folder uses: its configurations, without its weights.
#[derive(Clone, Debug)]
pub struct PipelineFacts {
    /// Its class in the reference library.
    pub class: String,
    /// What it draws.
    pub kind: PipelineKind,
    /// Its scheduler.
    pub sampler: FolderSampler,
    /// Whether a CLIP encoder reads its texts.
    pub clip: bool,
    /// Whether its network knows classes.
    pub classes: bool,
    /// Whether its network is told the guidance scale, as distilled ones are.
    pub told_scale: bool,
}

impl PipelineFacts {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// If a part is missing, or is one that we do not have.
    pub fn read(folder: &Path) -> Result<Self, InteropError> {
        let index = ModelIndex::read(folder)?;
        let kind = index.checked_kind()?;
        let encoders = index.readers(kind);
        let clip = encoders.iter().filter_map(|(_, encoder)| index.part(encoder));
        let clip = clip.into_iter().any(|class| class.starts_with("CLIP"));
        let network = read_unet_config(&part_folder(folder, "unet").join("config.json"))?.config;
        let labelled = network.class_input == ClassInput::Label && network.num_classes.is_some();
        Ok(Self {
            sampler: index.sampler(Task::Generate)?,
            clip,
            classes: kind == PipelineKind::Ldm && labelled,
            told_scale: network.time_condition_channels.is_some(),
            class: index.class,
            kind,
        })
    }
}

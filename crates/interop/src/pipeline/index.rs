use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use layout::{listing, part_folder};
use serde_json::Value;

use super::kind::{Parts, PipelineKind};
use super::{Defaults, Task, not_a_folder, outdated};
use crate::{FolderSampler, InteropError};

/// Parts that change no image, or that only other arguments than ours would use.
const UNUSED: [&str; 4] = ["feature_extractor", "image_encoder", "safety_checker", "watermarker"];

/// Files that tokenizers are read from.
const TOKENIZERS: [&str; 4] = ["vocab.json", "spiece.model", "vocab.txt", "tokenizer.json"];

/// The `model_index.json` of a folder.
#[derive(Clone, Debug)]
pub struct ModelIndex {
    folder: PathBuf,
    /// The pipeline's class.
    pub class: String,
    entries: BTreeMap<String, Value>,
}

impl ModelIndex {
    /// Reads the index of a folder.
    ///
    /// # Errors
    ///
    /// If it is missing or damaged.
    pub fn read(folder: &Path) -> Result<Self, InteropError> {
        let path = folder.join("model_index.json");
        if let Some(found) = not_a_folder::found(folder) {
            return Err(InteropError::NoFolder { path: folder.to_path_buf(), found });
        }
        let text = fs::read_to_string(&path).map_err(InteropError::io("read", &path))?;
        let entries: BTreeMap<String, Value> =
            serde_json::from_str(&text).map_err(InteropError::damaged(&path))?;
        let class = entries.get("_class_name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { folder: folder.to_path_buf(), class, entries })
    }

    /// What the folder draws.
    ///
    /// # Errors
    ///
    /// If we have no such pipeline.
    pub fn kind(&self) -> Result<PipelineKind, InteropError> {
        PipelineKind::of_class(&self.class).ok_or_else(|| InteropError::Unsupported {
            path: self.path(),
            option: "_class_name".into(),
            value: self.class.clone(),
        })
    }

    /// The same, for a folder that has all parts and none that we would leave out.
    ///
    /// # Errors
    ///
    /// If we have no such pipeline, one that names all that is missing, or the first part that we would leave out.
    pub fn checked_kind(&self) -> Result<PipelineKind, InteropError> {
        let kind = self.kind()?;
        let Parts { first_stage, noising, .. } = kind.parts();
        let mut needed = vec!["unet", "scheduler"];
        needed.extend(self.readers(kind).into_iter().flat_map(|(tokenizer, encoder)| [tokenizer, encoder]));
        needed.extend(first_stage.iter().chain(&noising));
        self.check(&needed)?;
        Ok(kind)
    }

    /// The folder's scheduler as the pipeline has it, and is called for a task unless told otherwise.
    ///
    /// # Errors
    ///
    /// If we have no such pipeline or scheduler, or its file is missing or damaged.
    pub fn sampler(&self, task: Task) -> Result<FolderSampler, InteropError> {
        self.corrected(&part_folder(&self.folder, "scheduler"), task)
    }

    /// The same of a scheduler that lies elsewhere.
    pub(crate) fn corrected(&self, scheduler: &Path, task: Task) -> Result<FolderSampler, InteropError> {
        let sampler = FolderSampler::read(&scheduler.join("scheduler_config.json"))?;
        let sampler = outdated::scheduler(&self.class, sampler)?.in_pipeline();
        Ok(sampler.in_steps(Defaults::of(self.kind()?, task).steps))
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The tokenizers, each with the encoder that reads its tokens. Stable Diffusion XL's refiner has the second only.
    pub(crate) fn readers(&self, kind: PipelineKind) -> Vec<(&'static str, &'static str)> {
        let Parts { text, .. } = kind.parts();
        let refines = kind == PipelineKind::StableDiffusionXl
            && self.part("text_encoder").is_none()
            && self.part("text_encoder_2").is_some();
        text.iter().skip(usize::from(refines)).copied().collect()
    }

    /// The class of a part; none if the folder has no such part.
    pub fn part(&self, name: &str) -> Option<&str> {
        self.entries.get(name)?.get(1)?.as_str()
    }

    /// A setting that is no part.
    pub(crate) fn setting(&self, name: &str) -> Option<&Value> {
        self.entries.get(name).filter(|value| !value.is_array())
    }

    /// Whether an empty negative prompt is all zeros instead of an encoded empty text (Stable Diffusion XL).
    pub(crate) fn zeros_for_empty(&self) -> bool {
        self.setting("force_zeros_for_empty_prompt") == Some(&Value::Bool(true))
    }

    /// Checks that all parts are there and none is left over, before any is read.
    ///
    /// # Errors
    ///
    /// One that names all that is missing, or the first part that we would leave out.
    fn check(&self, needed: &[&str]) -> Result<(), InteropError> {
        let missing: Vec<String> = needed.iter().filter_map(|name| self.lacks(name)).collect();
        if !missing.is_empty() {
            return Err(InteropError::Parts {
                path: self.folder.clone(),
                missing,
                there: listing(&self.folder),
            });
        }
        let parts = self.entries.keys().filter(|name| self.part(name).is_some());
        let left_over = |name: &&String| !needed.contains(&name.as_str()) && !UNUSED.contains(&name.as_str());
        match parts.into_iter().find(left_over) {
            Some(name) => Err(InteropError::Unsupported {
                path: self.path(),
                option: name.clone(),
                value: self.part(name).unwrap_or_default().to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// What of a part is not there.
    fn lacks(&self, name: &str) -> Option<String> {
        if self.part(name).is_none() {
            return Some(format!("{name} is not in model_index.json"));
        }
        let folder = part_folder(&self.folder, name);
        let wanted = match name {
            _ if name.contains("tokenizer") => {
                let found =
                    folder != self.folder || TOKENIZERS.iter().any(|file| folder.join(file).is_file());
                return (!found).then(|| format!("{name}/"));
            }
            _ if name.contains("scheduler") => "scheduler_config.json",
            _ => "config.json",
        };
        (!folder.join(wanted).is_file()).then(|| format!("{name}/{wanted}"))
    }

    fn path(&self) -> PathBuf {
        self.folder.join("model_index.json")
    }
}

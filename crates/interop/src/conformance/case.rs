use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;

use super::{Outcome, Report, autoencoder, pipelines, prompts, schedulers, tables, text, train_step, unet2d};
use crate::pipeline::PipelineKind;
use crate::{InteropError, TensorFile, python_json};

/// A recorded case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its folder below the one that was searched.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its `case.json`, or a tokenizer's `cases.json`.
    pub record: Value,
    /// Why that cannot be read, if so.
    pub damage: Option<String>,
}

/// All cases below a folder, in the order of their names.
///
/// # Errors
///
/// If a folder or a file cannot be read.
pub fn find_cases(root: &Path) -> Result<Vec<Case>, InteropError> {
    let mut cases = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        // The recorded prompts of a tokenizer are several cases in one file.
        let records = ["case.json", "cases.json"].map(|name| folder.join(name));
        if let Some(path) = records.into_iter().find(|path| path.exists()) {
            let text = fs::read_to_string(&path).map_err(InteropError::io("read", &path))?;
            let name = folder.strip_prefix(root).unwrap_or(&folder).display().to_string();
            let (record, damage) = match python_json::parse(&text) {
                Ok(record) => (record, None),
                Err(error) => (Value::Null, Some(InteropError::damaged(&path)(error).to_string())),
            };
            cases.push(Case { name, folder, record, damage });
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(InteropError::io("read", &folder))? {
            let path = entry.map_err(InteropError::io("read", &folder))?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

impl Case {
    /// What the case is about: the reference library's class, or its pipeline's.
    pub fn kind(&self) -> &str {
        if self.record.get("cases").is_some() {
            return "tokenizer";
        }
        let text = |key: &str| self.record.get(key).and_then(Value::as_str);
        text("kind").or(text("pipeline")).or(text("scheduler")).unwrap_or("unknown")
    }

    /// Runs the case.
    pub fn run(&self, device: &Device) -> Report {
        let compared = match self.kind() {
            _ if self.damage.is_some() => Err(CaseError::Broken(self.damage.clone().unwrap_or_default())),
            "UNet2DModel" | "UNet2DConditionModel" => unet2d::run(self, device),
            "AutoencoderKL" => autoencoder::run_kl(self, device),
            "VQModel" => autoencoder::run_vq(self, device),
            kind if kind.ends_with("Scheduler") => schedulers::run(self, device),
            _ if self.record.is_array() => tables::run(self),
            "CLIPTextModel" | "CLIPTextModelWithProjection" => text::run_clip(self, device),
            "T5EncoderModel" => text::run_t5(self, device),
            "LDMBertModel" => text::run_ldm_bert(self, device),
            "tokenizer" => text::run_tokenizer(self),
            "train_step" => train_step::run(self, device),
            "DDPMPipeline" | "DDIMPipeline" => pipelines::run(self, device),
            kind if PipelineKind::of_class(kind).is_some() => prompts::run(self, device),
            _ => Err(CaseError::Unsupported("there is no such part here yet".into())),
        };
        let outcome = match compared {
            Ok(comparison) => Outcome::Compared(comparison),
            Err(CaseError::Unsupported(reason)) => Outcome::Unsupported(reason),
            Err(CaseError::Faulty(reason)) => Outcome::Faulty(reason),
            Err(CaseError::Broken(reason)) => Outcome::Broken(reason),
        };
        Report { name: self.name.clone(), kind: self.kind().to_owned(), outcome }
    }

    /// The recorded inputs and outputs.
    pub(super) fn io(&self) -> Result<TensorFile, InteropError> {
        TensorFile::read(&self.folder.join("io.safetensors"))
    }

    /// A value of `case.json`.
    pub(super) fn value<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<T, CaseError> {
        let value = self.record.get(key).cloned().unwrap_or(Value::Null);
        serde_json::from_value(value).map_err(|error| CaseError::Broken(format!("case.json: {key}: {error}")))
    }
}

/// Why a case could not be compared.
#[derive(Debug)]
pub(super) enum CaseError {
    /// It asks for what we do not have.
    Unsupported(String),
    /// The library's own answer is not right.
    Faulty(String),
    /// It could not be run.
    Broken(String),
}

impl From<InteropError> for CaseError {
    fn from(error: InteropError) -> Self {
        match error {
            InteropError::Unsupported { option, value, .. } => {
                Self::Unsupported(format!("{option} = {value}"))
            }
            InteropError::Scheduler { reason, .. } => Self::Unsupported(reason),
            InteropError::Network { reason, .. } => Self::Unsupported(reason.to_string()),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl CaseError {
    /// For `map_err` on what should not fail.
    pub(super) fn broken(error: impl std::fmt::Display) -> Self {
        Self::Broken(error.to_string())
    }
}

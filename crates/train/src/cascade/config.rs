use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use data::DatasetConfig;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::super_resolution_config::SUPER_RESOLUTION;
use super::{Augmentation, SuperResolutionConfig};
use crate::error::TrainError;
use crate::settings::apply;
use crate::tables::from_table;
use crate::{DiffusionConfig, RunConfig};

/// The key `system` of a cascade.
pub(crate) const CASCADE: &str = "cascade";

/// A cascade as one file describes it: the data, and a section for each stage, `[stage.1]` and so on by rising
/// resolution.
///
/// A stage has its `resolution` and the sections of a [`RunConfig`] (`model`, `diffusion`, `train`, `eval`, `sample`); all
/// but the first also have `low_resolution`, a [`LowResolutionConfig`](super::LowResolutionConfig).
#[derive(Clone, Debug)]
pub struct CascadeConfig {
    origin: String,
    pub(super) file: CascadeFile,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CascadeFile {
    system: String,
    #[serde(default)]
    seed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) class_names: Option<Vec<String>>,
    dataset: Table,
    pub(super) stage: BTreeMap<String, Table>,
}

/// The configuration of a stage's own training.
#[derive(Clone, Debug)]
pub enum StageConfig {
    /// The first.
    Base(Box<RunConfig>),
    /// One of the others.
    SuperResolution(Box<SuperResolutionConfig>),
}

impl CascadeConfig {
    /// Reads a file and applies `key=value` settings, such as `stage.2.train.steps=100`, in order.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or parsed, a key is unknown, a stage is missing, or resolutions do not fit.
    pub fn read(path: &Path, settings: &[String]) -> Result<Self, TrainError> {
        let origin = path.display().to_string();
        let failed = |reason: String| TrainError::Config { origin: origin.clone(), reason };
        let text = fs::read_to_string(path).map_err(TrainError::io("read the configuration", path))?;
        let mut table: Table = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
        for setting in settings {
            let origin = format!("`--set {setting}`");
            apply(&mut table, setting).map_err(|reason| TrainError::Config { origin, reason })?;
        }
        let file: CascadeFile = from_table(&table).map_err(failed)?;
        let config = Self { origin: origin.clone(), file };
        config.check().map_err(failed)?;
        Ok(config)
    }

    /// The images of the highest resolution, to open.
    ///
    /// # Errors
    ///
    /// If a key is unknown.
    pub fn dataset(&self) -> Result<DatasetConfig, TrainError> {
        let origin = || format!("{} [dataset]", self.origin);
        from_table(&self.file.dataset).map_err(|reason| TrainError::Config { origin: origin(), reason })
    }

    /// The whole as TOML.
    ///
    /// # Errors
    ///
    /// If a value has no form there.
    pub fn text(&self) -> Result<String, TrainError> {
        toml::to_string_pretty(&self.file)
            .map_err(|error| TrainError::Config { origin: self.origin.clone(), reason: error.to_string() })
    }

    /// The number of stages.
    pub fn stages(&self) -> usize {
        self.file.stage.len()
    }

    /// Sides of the images of each stage.
    pub fn resolutions(&self) -> Vec<usize> {
        (1..=self.stages()).filter_map(|number| self.resolution(number)).collect()
    }

    /// Where a stage is configured, for errors.
    pub(super) fn origin(&self, number: usize) -> String {
        format!("{} [stage.{number}]", self.origin)
    }

    fn resolution(&self, number: usize) -> Option<usize> {
        let side = self.stage(number)?.get("resolution")?.as_integer()?;
        usize::try_from(side).ok().filter(|&side| side > 0)
    }

    pub(super) fn stage(&self, number: usize) -> Option<&Table> {
        self.file.stage.get(&number.to_string())
    }

    /// How a stage is given the images below when it is sampled from, where the file says it.
    pub(super) fn augmentation(&self, number: usize) -> Option<Augmentation> {
        let low = self.stage(number)?.get("low_resolution")?;
        Some(Augmentation {
            level: usize::try_from(low.get("level")?.as_integer()?).ok()?,
            truncated: low.get("truncated")?.as_bool()?,
        })
    }

    /// Says how a stage is given the images below.
    pub(super) fn augment(&mut self, number: usize, augmentation: Augmentation) {
        let stage = self.file.stage.get_mut(&number.to_string());
        if let Some(Value::Table(low)) = stage.and_then(|stage| stage.get_mut("low_resolution")) {
            low.insert("level".into(), Value::Integer(augmentation.level as i64));
            low.insert("truncated".into(), augmentation.truncated.into());
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.file.system != CASCADE {
            return Err(format!("system = \"{}\": a cascade has \"{CASCADE}\"", self.file.system));
        }
        if self.stages() < 2 {
            return Err("a cascade has two stages at least, [stage.1] and [stage.2]".into());
        }
        if let Some(missing) = (1..=self.stages()).find(|&number| self.stage(number).is_none()) {
            let there: Vec<&str> = self.file.stage.keys().map(String::as_str).collect();
            return Err(format!(
                "stage {missing} is missing: the file has [stage.{}]",
                there.join("], [stage.")
            ));
        }
        if self.file.dataset.contains_key("reduce_to") {
            return Err("dataset.reduce_to: the resolutions of the stages say it: leave it out".into());
        }
        for number in 1..=self.stages() {
            let side = self.resolution(number).ok_or_else(|| {
                format!("stage.{number}.resolution: the side of its images in pixels is needed")
            })?;
            let below = if number == 1 { None } else { self.resolution(number - 1) };
            if let Some(below) = below.filter(|below| *below >= side || !side.is_multiple_of(*below)) {
                return Err(format!(
                    "stage.{number}.resolution = {side}: it must be a multiple of stage {}'s {below}, and more",
                    number - 1
                ));
            }
        }
        Ok(())
    }

    /// What a stage is trained with, as far as the file says it.
    pub(super) fn expanded(&self, number: usize) -> Result<Table, String> {
        let mut table = self.stage(number).cloned().unwrap_or_default();
        let side = table.remove("resolution");
        table.remove(FINGERPRINT);
        if let Some(key) =
            ["seed", "dataset", "class_names", "system"].iter().find(|key| table.contains_key(**key))
        {
            return Err(format!("{key} is the same for all stages: move it above the first section"));
        }
        let mut dataset = self.file.dataset.clone();
        dataset.extend(side.map(|side| ("reduce_to".to_owned(), side)));
        table.insert("dataset".into(), Value::Table(dataset));
        table.insert("seed".into(), Value::Integer(self.file.seed as i64));
        if let Some(names) = &self.file.class_names {
            table.insert("class_names".into(), names.clone().into());
        }
        if number > 1 {
            self.show_below(number, &mut table)?;
        } else if table.contains_key("low_resolution") {
            return Err("low_resolution: the first stage is shown no image: leave it out".into());
        }
        Ok(table)
    }

    /// Fills in what the stage below decides.
    fn show_below(&self, number: usize, table: &mut Table) -> Result<(), String> {
        let below = self.stage(number - 1).and_then(|below| below.get("diffusion")).cloned();
        let diffusion: DiffusionConfig = match below {
            None => DiffusionConfig::default(),
            Some(Value::Table(below)) => {
                from_table(&below).map_err(|reason| format!("[stage.{}.diffusion]: {reason}", number - 1))?
            }
            Some(_) => return Err(format!("stage.{}.diffusion is no section", number - 1)),
        };
        table.insert("system".into(), SUPER_RESOLUTION.into());
        let low = table.entry("low_resolution").or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(low) = low else { return Err("low_resolution is no section".into()) };
        let schedule = Value::try_from(&diffusion.schedule).map_err(|error| error.to_string())?;
        let side = self.resolution(number - 1).unwrap_or(0) as i64;
        let decided = [
            ("image_size", Value::Integer(side)),
            ("num_train_timesteps", Value::Integer(diffusion.num_train_timesteps as i64)),
            ("schedule", schedule),
        ];
        for (key, value) in decided {
            if let Some(given) = low.insert(key.into(), value.clone()).filter(|given| *given != value) {
                return Err(format!(
                    "low_resolution.{key} is {given}, but stage {} has {value}: leave it out",
                    number - 1
                ));
            }
        }
        Ok(())
    }
}

/// The key of a stage's data in the configuration that is kept with a cascade.
pub(super) const FINGERPRINT: &str = "fingerprint";

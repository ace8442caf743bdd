//! From a file, `--set` and flags to one [`RunConfig`]: defaults < file < `--set` < flags.

use std::fs;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use data::{DatasetConfig, Splits};
use toml::{Table, Value};

use crate::RunConfig;
use crate::error::TrainError;
use crate::settings::{apply, apply_type, explained};
use crate::system::SystemConfig;
use crate::tables::{check_tables, from_table};

/// A configuration that still lacks what the data decide.
#[derive(Clone, Debug)]
pub struct DraftConfig<C = RunConfig> {
    origin: PathBuf,
    table: Table,
    /// The images to open.
    pub dataset: DatasetConfig,
    of: PhantomData<C>,
}

impl<C: SystemConfig> DraftConfig<C> {
    /// Reads a file and applies `key=value` settings, such as `model.channels=64`, in order.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or parsed, a key is unknown, or a setting has no `=`.
    pub fn read(path: &Path, settings: &[String]) -> Result<Self, TrainError> {
        let text = fs::read_to_string(path).map_err(TrainError::io("read the configuration", path))?;
        let origin = path.to_path_buf();
        // With the line and the place in it.
        let file_error = |error: toml::de::Error| {
            let text = error.to_string().replace(error.message(), &explained(error.message()));
            config_error(path.display(), text.trim_end())
        };
        let mut table: Table = toml::from_str(&text).map_err(file_error)?;
        check_finite("", &Value::Table(table.clone()))
            .map_err(|reason| config_error(path.display(), reason))?;
        let mut draft: C = toml::from_str(&text).map_err(file_error)?;
        check_tables(&table, &draft).map_err(|reason| config_error(path.display(), reason))?;
        for setting in settings {
            let failed = |reason: String| config_error(format!("`--set {setting}`"), reason);
            let before = table.clone();
            apply(&mut table, setting).map_err(failed)?;
            check_finite("", &Value::Table(table.clone())).map_err(failed)?;
            if let Err(error) = table.clone().try_into::<C>()
                && let Some(with_type) = typed(before, setting, &error)
            {
                table = with_type;
            }
            draft = from_table(&table).map_err(failed)?;
        }
        Ok(Self { origin, table, dataset: draft.dataset().clone(), of: PhantomData })
    }

    /// Whether it says what `key` is, such as `train.steps`, instead of leaving the default.
    pub fn gives(&self, key: &str) -> bool {
        let mut parts = key.split('.');
        let first = parts.next().and_then(|part| self.table.get(part));
        parts.fold(first, |value, part| value.and_then(|value| value.get(part))).is_some()
    }

    /// Whether it says nothing but the data and the seed.
    pub fn is_bare(&self) -> bool {
        self.table.keys().all(|key| matches!(key.as_str(), "dataset" | "seed" | "class_names"))
    }

    /// That of a table; `origin` says where from, for errors.
    ///
    /// # Errors
    ///
    /// If a key is unknown.
    pub(crate) fn of_table(origin: String, table: Table) -> Result<Self, TrainError> {
        check_finite("", &Value::Table(table.clone())).map_err(|reason| config_error(&origin, reason))?;
        let draft: C = from_table(&table).map_err(|reason| config_error(&origin, reason))?;
        Ok(Self { origin: origin.into(), table, dataset: draft.dataset().clone(), of: PhantomData })
    }

    /// Fills in what the data decide, and checks the whole.
    ///
    /// # Errors
    ///
    /// If a key contradicts the data or another key.
    pub fn resolve(mut self, splits: &Splits) -> Result<C, TrainError> {
        let unfit = |reason: String| config_error(self.origin.display(), reason);
        let parse = |table: &Table| from_table::<C>(table).map_err(unfit);
        parse(&self.table)?.complete(&mut self.table, splits).map_err(unfit)?;
        let config = parse(&self.table)?;
        config.validate().map_err(unfit)?;
        let table = rounded(&self.table);
        let in_32_bits = |reason: String| unfit(format!("{reason}; numbers are rounded to 32 bits"));
        check_finite("", &Value::Table(table.clone())).map_err(in_32_bits)?;
        parse(&table)?.validate().map_err(in_32_bits)?;
        Ok(config)
    }
}

/// The table with a setting that names the type of a section instead of being one; none if the error is another.
fn typed(mut table: Table, setting: &str, error: &toml::de::Error) -> Option<Table> {
    let names_a_type = error.message().contains("expected internally tagged enum");
    names_a_type.then(|| apply_type(&mut table, setting))??;
    Some(table)
}

fn config_error(origin: impl ToString, reason: impl Into<String>) -> TrainError {
    TrainError::Config { origin: origin.to_string(), reason: reason.into() }
}

/// Refuses numbers that are not: no key takes one, and records cannot hold them.
fn check_finite(path: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Float(number) if !number.is_finite() => {
            Err(format!("{path} = {number}: it must be a finite number"))
        }
        Value::Table(table) => {
            table.iter().try_for_each(|(key, value)| check_finite(&join(path, key), value))
        }
        Value::Array(values) => values.iter().try_for_each(|value| check_finite(path, value)),
        _ => Ok(()),
    }
}

/// A table with its numbers as they are computed with, in 32 bits: what is above 0 in 64 bits may be 0 there.
fn rounded(table: &Table) -> Table {
    fn round(value: &Value) -> Value {
        match value {
            Value::Float(number) => Value::Float(f64::from(*number as f32)),
            Value::Table(table) => Value::Table(rounded(table)),
            Value::Array(values) => Value::Array(values.iter().map(round).collect()),
            other => other.clone(),
        }
    }
    table.iter().map(|(key, value)| (key.clone(), round(value))).collect()
}

pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Sets a key of `[model]` that the data decide, or checks it where it is given.
pub(crate) fn decide(model: &mut Table, key: &str, by_data: Option<usize>) -> Result<(), String> {
    let value = by_data.map(|value| Value::Integer(value as i64));
    match (model.get(key), value) {
        (Some(given), Some(value)) if *given != value => {
            Err(format!("model.{key} is {given}, but the data say {value}: leave it out"))
        }
        (Some(given), None) => Err(format!("model.{key} is {given}, but the data have none: leave it out")),
        (None, Some(value)) => {
            model.insert(key.to_owned(), value);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Fills in what the data call their `classes`, and which of them they lack.
pub(crate) fn name_classes(table: &mut Table, splits: &Splits, classes: Option<usize>) {
    table.remove("empty_classes");
    if classes.is_none() {
        return;
    }
    if let Some(names) = splits.class_names() {
        table.insert("class_names".into(), names.to_vec().into());
    }
    let empty: Vec<Value> =
        splits.empty_classes().into_iter().map(|class| Value::Integer(class as i64)).collect();
    if !empty.is_empty() {
        table.insert("empty_classes".into(), empty.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::{advice, training_changes};

    fn draft(text: &str, settings: &[&str]) -> Result<RunConfig, TrainError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.toml");
        fs::write(&path, text).unwrap();
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let draft = DraftConfig::read(&path, &settings)?;
        let splits = draft.dataset.open(false)?;
        draft.resolve(&splits)
    }

    const DIGITS: &str = "[dataset]\ntype = \"digits\"\n[model]\nchannels = 32\nchannel_mult = [1, 2]\nattention_resolutions = [4]\n";

    #[test]
    fn the_data_decide_the_ends_of_the_network() {
        let config = draft(DIGITS, &[]).unwrap();
        assert_eq!((config.model.image_size, config.model.in_channels), (8, 1));
        assert_eq!(config.model.num_classes, Some(10));
        let free = draft(DIGITS, &["train.conditional=false"]).unwrap();
        assert_eq!(free.model.num_classes, None);
    }

    #[test]
    fn settings_override_the_file_in_order() {
        let config =
            draft(DIGITS, &["train.steps=5", "train.steps=6", "diffusion.parameterization=v"]).unwrap();
        assert_eq!(config.train.steps, 6);
        assert_eq!(config.diffusion.parameterization, diffusion::Parameterization::V);
        let short = draft(DIGITS, &["diffusion.schedule=cosine", "sample.solver=euler"]).unwrap();
        let long = draft(DIGITS, &["diffusion.schedule.type=cosine", "sample.solver.type=euler"]).unwrap();
        assert_eq!((short.diffusion, short.sample), (long.diffusion, long.sample));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let cases = [
            (DIGITS.replace("channels = 32", "chanels = 32"), vec![], "unknown field `chanels`"),
            (DIGITS.to_owned(), vec!["model.chanels=3"], "unknown field `chanels`: did you mean `channels`?"),
            (format!("{DIGITS}\n[diffusion]\nschedule = \"cosine\""), vec![], "write { type = \"cosine\" }"),
            (
                DIGITS.to_owned(),
                vec!["diffusion.schedule=cosin"],
                "unknown variant `cosin`: did you mean `cosine`?",
            ),
            (DIGITS.to_owned(), vec!["model.channels"], "expected key=value"),
            (DIGITS.to_owned(), vec!["model.in_channels=3"], "model.in_channels is 3, but the data say 1"),
            (DIGITS.to_owned(), vec!["train.batch_size=0"], "batch_size is 0"),
            (
                DIGITS.to_owned(),
                vec!["train.grad_clip=inf"],
                "train.grad_clip = inf: it must be a finite number",
            ),
            (DIGITS.to_owned(), vec!["model.channels=8.5"], "`--set model.channels=8.5`"),
            (DIGITS.to_owned(), vec!["train.batch_size=1000000000"], "it must be at most"),
            (DIGITS.to_owned(), vec!["diffusion.num_train_timesteps=9000000000000000"], "has at most"),
            (DIGITS.to_owned(), vec!["model.channels=1000000000"], "channels"),
            (DIGITS.to_owned(), vec!["model.num_res_blocks=1000000000"], "num_res_blocks"),
            (
                DIGITS.to_owned(),
                vec!["diffusion.schedule={type=\"linear\",beta_start=0.9,beta_end=0.999}"],
                "eps-prediction cannot recover",
            ),
            (DIGITS.to_owned(), vec!["train.ema_decay=1.5"], "ema_decay = 1.5: it must be in [0, 1)"),
            (
                DIGITS.to_owned(),
                vec!["train.adam_eps=1e-50"],
                "adam_eps = 0: it must be above 0; numbers are rounded to 32 bits",
            ),
            (
                DIGITS.to_owned(),
                vec!["train.betas=[0.9, 0.9999999999]"],
                "betas[1] = 1: it must be in [0, 1)",
            ),
            (
                DIGITS.to_owned(),
                vec!["train.grad_clip=1e300"],
                "train.grad_clip = inf: it must be a finite number",
            ),
            (DIGITS.to_owned(), vec!["model.norm_eps=1e-50"], "norm_eps"),
            (DIGITS.to_owned(), vec!["model.dropout=0.9999999999"], "dropout"),
            (
                DIGITS.to_owned(),
                vec!["train.weight_decay=1e4"],
                "weight_decay times learning_rate = 2: it must be at most 1",
            ),
            (DIGITS.to_owned(), vec!["model=[]"], "`--set model=[]`: model is an array: it must be a table"),
            (
                DIGITS.replace("[dataset]", "train = [3]\n[dataset]"),
                vec![],
                "train is an array: it must be a table",
            ),
            (DIGITS.to_owned(), vec!["sample.steps=2000"], "2000 sampling steps do not fit a chain of 1000"),
        ];
        for (text, settings, expected) in cases {
            let error = draft(&text, &settings).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn only_what_changes_the_training_counts_as_a_change() {
        let old = draft(DIGITS, &[]).unwrap();
        let same = draft(DIGITS, &["train.sample_every=7", "train.steps=9", "sample.steps=20"]).unwrap();
        assert_eq!(training_changes(&old, &same), Vec::<String>::new());
        let new = draft(DIGITS, &["train.batch_size=8"]).unwrap();
        assert_eq!(training_changes(&old, &new), ["train.batch_size: 64 -> 8"]);
        let cosine = |steps: &str| draft(DIGITS, &["train.lr_schedule=cosine", steps]).unwrap();
        let changes = training_changes(&cosine("train.steps=5"), &cosine("train.steps=6"));
        assert_eq!(changes, ["train.steps: 5 -> 6"]);
        assert!(advice(&changes).contains("train longer from the start with another `--run NAME`"));
        let constant = draft(DIGITS, &["train.steps=5"]).unwrap();
        let changes = training_changes(&cosine("train.steps=5"), &constant);
        assert_eq!(changes, ["train.lr_schedule: \"cosine\" -> \"constant\""]);
    }

    #[test]
    fn a_resolved_configuration_reads_back_as_itself() {
        let config = draft(DIGITS, &[]).unwrap();
        let text = toml::to_string_pretty(&config).unwrap();
        assert_eq!(toml::from_str::<RunConfig>(&text).unwrap(), config);
    }
}

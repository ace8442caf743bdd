//! The configuration that a choice makes, as a table and as a commented file.

use std::fmt::Write;

use data::{Channels, DatasetConfig, Survey};
use toml::{Table, Value};

use crate::error::TrainError;

/// Images of a preview.
pub(crate) const PREVIEW_IMAGES: usize = 40;
/// Steps that draw them.
pub(crate) const PREVIEW_STEPS: usize = 50;
/// The side of the network's lowest level, where it can be reached.
const LOWEST_SIDE: usize = 8;

/// What was chosen for some pictures.
pub(crate) struct ChosenConfig<'a> {
    pub(crate) dataset: &'a DatasetConfig,
    pub(crate) survey: &'a Survey,
    pub(crate) seed: u64,
    /// Of the pictures, in pixels.
    pub(crate) side: usize,
    /// Of the network's first level.
    pub(crate) channels: usize,
    pub(crate) batch_size: usize,
    pub(crate) steps: usize,
    /// How many previews are drawn, the one at the end among them.
    pub(crate) previews: usize,
}

impl ChosenConfig<'_> {
    /// The configuration without comments.
    pub(crate) fn table(&self) -> Table {
        let kind = |name: &str| Value::Table(Table::from_iter([("type".into(), name.into())]));
        let diffusion =
            Table::from_iter([("schedule".into(), kind("cosine")), ("parameterization".into(), "v".into())]);
        let sample =
            Table::from_iter([("solver".into(), kind("ddim")), ("steps".into(), integer(PREVIEW_STEPS))]);
        let seed = i64::try_from(self.seed).unwrap_or(i64::MAX);
        Table::from_iter([
            ("seed".into(), Value::Integer(seed)),
            ("dataset".into(), self.dataset()),
            ("model".into(), Value::Table(self.model())),
            ("diffusion".into(), Value::Table(diffusion)),
            ("train".into(), Value::Table(self.train())),
            ("sample".into(), Value::Table(sample)),
        ])
    }

    fn dataset(&self) -> Value {
        let mut dataset = self.dataset.clone();
        let images = &mut dataset.images;
        if images.pad_to.is_none() && images.reduce_to.is_none() {
            images.image_size = Some(self.side);
        }
        images.channels.get_or_insert(if self.survey.grey { Channels::Grey } else { Channels::Rgb });
        Value::try_from(dataset).unwrap_or_else(|_| Value::Table(Table::new()))
    }

    fn model(&self) -> Table {
        let levels = levels(self.side);
        let mult = (0..levels).map(|level| integer(1 + usize::from(level > 0))).collect();
        Table::from_iter([
            ("channels".into(), integer(self.channels)),
            ("channel_mult".into(), Value::Array(mult)),
            ("num_res_blocks".into(), integer(1)),
            ("attention_resolutions".into(), Value::Array(vec![integer(self.side >> (levels - 1))])),
        ])
    }

    fn train(&self) -> Table {
        let part = |parts: usize| (self.steps / parts).max(1);
        let counts = [
            ("steps", self.steps),
            ("batch_size", self.batch_size.min(self.survey.images).max(1)),
            ("warmup_steps", part(10).min(200)),
            ("eval_every", part(10)),
            ("eval_images", 256),
            ("checkpoint_every", part(10)),
            ("sample_every", if self.previews > 1 { part(self.previews) } else { 0 }),
            ("sample_images", PREVIEW_IMAGES),
        ];
        let mut train = Table::from_iter(counts.map(|(key, value)| (key.to_owned(), integer(value))));
        train.insert("learning_rate".into(), 5e-4.into());
        train.insert("lr_schedule".into(), "cosine".into());
        train.insert("ema_decay".into(), if self.steps < 2000 { 0.99 } else { 0.999 }.into());
        if self.survey.num_classes.is_some() {
            train.insert("sample_guidance_scale".into(), 2.0.into());
        }
        train
    }
}

/// A configuration as a file, with the reasons above it and comments on its keys.
///
/// # Errors
///
/// If a value has no form in TOML.
pub(crate) fn commented(reasons: &[String], table: &Table) -> Result<String, TrainError> {
    let mut text = String::from("# Made by `cargo xtask train` for these pictures and this machine.\n#\n");
    for reason in reasons {
        let _ = writeln!(text, "# {}", reason.replace(['\n', '\r'], " "));
    }
    text.push_str(
        "#\n# Every key can be changed, here or with `--set`; docs/configuration.md has all of them.\n",
    );
    for key in ["seed", "dataset", "model", "diffusion", "train", "sample"] {
        let Some(value) = table.get(key) else { continue };
        let section = toml::to_string(&Table::from_iter([(key.to_owned(), value.clone())]));
        let section = section.map_err(|error| TrainError::Config {
            origin: "the chosen configuration".into(),
            reason: error.to_string(),
        })?;
        for line in section.lines() {
            let comment = COMMENTS.iter().find(|(of, start, _)| *of == key && line.starts_with(start));
            if let Some((_, _, comment)) = comment {
                let _ = writeln!(text, "# {comment}");
            }
            let _ = writeln!(text, "{line}");
        }
        text.push('\n');
    }
    Ok(text.trim_end().to_owned() + "\n")
}

/// What stands above the line of a key in the file.
const COMMENTS: [(&str, &str, &str); 6] = [
    ("dataset", "image_size", "The short side in pixels; the middle square is cut out."),
    ("dataset", "flip", "`true` mirrors pictures at random: right for most photographs, wrong for letters."),
    ("dataset", "channels", "\"grey\" or \"rgb\"."),
    ("model", "channels", "Twice as many learn more, in up to four times the time."),
    ("train", "steps", "More steps draw better, as far as there are pictures enough."),
    ("train", "sample_guidance_scale", "How strongly previews are led to their classes; 1 is off."),
];

fn integer(value: usize) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Levels of the network: the side is halved three times at most, while it is above 8 pixels; pictures of 8 pixels are halved once.
fn levels(side: usize) -> usize {
    let is_halved = |&times: &usize| {
        side.is_multiple_of(2 << times)
            && (side >> times > LOWEST_SIDE || (times == 0 && side == LOWEST_SIDE))
    };
    1 + (0..3).take_while(is_halved).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DraftConfig, RunConfig};

    /// Whatever the side, the file is one that trains.
    #[test]
    fn every_choice_is_a_valid_configuration() {
        let dataset = DatasetConfig::default();
        let survey = dataset.survey().unwrap();
        for side in [4, 7, 8, 28, 30, 32, 48, 64] {
            let chosen = ChosenConfig {
                dataset: &dataset,
                survey: &survey,
                seed: 3,
                side,
                channels: 32,
                batch_size: 16,
                steps: 500,
                previews: 5,
            };
            let text = commented(&["why".into()], &chosen.table()).unwrap();
            assert!(text.contains("\n# why\n") && text.contains("# `true` mirrors"), "{text}");
            assert_eq!(text.matches("# Twice as many").count(), 1, "{text}");
            let table: Table = toml::from_str(&text).unwrap();
            let draft = DraftConfig::<RunConfig>::of_table("test".into(), table).unwrap();
            let splits = draft.dataset.open(false).unwrap();
            let config = draft.resolve(&splits).unwrap();
            assert_eq!((config.model.image_size, config.seed, config.train.steps), (side, 3, 500));
        }
    }

    #[test]
    fn pictures_are_halved_down_to_eight_pixels() {
        assert_eq!([4, 7, 8, 28, 30, 32, 64, 33].map(levels), [1, 1, 2, 3, 2, 3, 4, 1]);
    }
}

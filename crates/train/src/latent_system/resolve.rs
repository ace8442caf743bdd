use burn::prelude::*;
use data::{DatasetConfig, Splits};
use toml::{Table, Value};
use unet::{AddedInput, ContextInput};

use super::captions::words;
use super::concat::ConcatConfig;
use super::config::{FirstStageSource, LatentRunConfig, TextConfig};
use crate::continuous_law;
use crate::resolve::{decide, name_classes};
use crate::system::SystemConfig;
use crate::{ObjectiveConfig, TrainConfig};

impl SystemConfig for LatentRunConfig {
    fn seed(&self) -> u64 {
        self.seed
    }

    fn dataset(&self) -> &DatasetConfig {
        &self.dataset
    }

    fn train(&self) -> &TrainConfig {
        &self.train
    }

    fn complete(&self, table: &mut Table, splits: &Splits) -> Result<(), String> {
        let shape = self.first_stage.latent_shape(splits.image_shape())?;
        let weights = self.first_stage.weights_now()?;
        section(table, "first_stage", |stage| {
            stage.insert("weights".into(), weights.into());
            Ok(())
        })?;
        let text = self.text.as_ref().map(|text| text.complete(table, splits)).transpose()?;
        let classes = splits.num_classes().filter(|_| self.train.conditional && self.text.is_none());
        let beside = self.channels_beside(shape)?;
        section(table, "model", |model| {
            let [channels, side, _] = shape;
            let decided =
                [("image_size", side), ("in_channels", channels + beside), ("out_channels", channels)];
            for (key, value) in decided {
                decide(model, key, Some(value))?;
            }
            decide(model, "num_classes", classes)?;
            if let Some(channels) = text {
                let context = Table::from_iter([("channels".to_owned(), integer(channels))]);
                model.entry("context").or_insert(Value::Table(context));
            }
            Ok(())
        })?;
        name_classes(table, splits, classes);
        continuous_law::complete(&self.diffusion, table)
    }

    fn validate(&self) -> Result<(), String> {
        let mut latents = self.of_latents();
        if self.diffusion.variance.output().is_some() || self.train.objective != ObjectiveConfig::Simple {
            return Err(
                "diffusion.variance and train.objective: the variational bound is one of bytes, not of latents: leave \
                 both out"
                    .into(),
            );
        }
        if let Some(text) = &self.text {
            text.validate().map_err(|error| format!("[text]: {error}"))?;
            self.validate_context(text)?;
            if self.train.sample_guidance_scale != 1.0 && self.train.cond_drop_prob > 0.0 {
                // What RunConfig asks for are classes.
                latents.train.sample_guidance_scale = 1.0;
            }
        } else if self.model.context.is_some() {
            return Err("model.context: there is no [text] that the network could attend to".into());
        }
        if self.model.added_input != AddedInput::Nothing || self.model.time_condition_channels.is_some() {
            return Err(
                "[model]: added_input and time_condition_channels: a run of latents gives neither: leave both out".into(),
            );
        }
        latents.validate_denoising()
    }

    fn lasting(mut self) -> Self {
        self.train = self.train.lasting();
        self.sample = Default::default();
        self.class_names = None;
        self.empty_classes.clear();
        self.dataset.source = DatasetConfig::default().source;
        // The weights are compared instead of where they lie, and the scale once it is measured.
        self.first_stage = FirstStageSource { run: None, model: None, scale: None, ..self.first_stage };
        if let Some(text) = &mut self.text {
            text.preview.clear();
            text.model = text.model.as_ref().map(|_| Default::default());
        }
        self
    }
}

impl LatentRunConfig {
    fn validate_context(&self, text: &TextConfig) -> Result<(), String> {
        if !self.model.attends_to_context() {
            return Err("[text]: no block of the network attends to it: give levels of model.down_blocks and \
                        model.up_blocks a `cross`, such as cross = { transformer = { depths = [1], heads = 4 } }"
                .into());
        }
        let Some(context) = self.model.context else {
            return Err("model.context is missing: leave the key to the texts".into());
        };
        if context.input != ContextInput::Text {
            return Err("model.context.input: a run gives texts as they are encoded: leave it out".into());
        }
        let (key, needed) = match &text.model {
            None => ("text.encoder.channels", Some(text.encoder.channels)),
            Some(_) => ("the encoder of text.model has", text.channels),
        };
        match needed {
            Some(needed) if context.channels != needed => Err(format!(
                "model.context.channels is {}, but {key} {needed}: leave the first out",
                context.channels
            )),
            _ => Ok(()),
        }
    }

    /// Channels that the network is shown beside latents `[C, h, w]`.
    fn channels_beside(&self, [channels, ..]: [usize; 3]) -> Result<usize, String> {
        let Some(concat) = self.concat else { return Ok(0) };
        let model = self.first_stage.model_config()?;
        if concat == ConcatConfig::SuperResolution && model.trunk().factor() == 1 {
            return Err("concat = \"super_resolution\": the first stage keeps the size of images: use one that does not".into());
        }
        Ok(concat.channels(channels, model.trunk()))
    }
}

impl TextConfig {
    /// Writes what captions and encoder decide, and says how many channels the encoder's states have.
    fn complete(&self, table: &mut Table, splits: &Splits) -> Result<usize, String> {
        if splits.train.caption(0).is_none() {
            return Err(
                "[text]: the data set has no captions: give a folder whose metadata.jsonl has a `text` in each \
                 line, or leave [text] out"
                    .into(),
            );
        }
        let weights = self.weights_now()?;
        let (vocabulary, channels) = match self.model {
            None => (Some(words(self, splits).vocabulary()), self.encoder.channels),
            Some(_) => (None, self.folder().map_err(|error| error.to_string())?.channels),
        };
        section(table, "text", |table| {
            if let Some(vocabulary) = vocabulary {
                table.insert("vocabulary".into(), integer(vocabulary));
            }
            if let Some(weights) = weights {
                table.insert("weights".into(), weights.into());
                table.insert("channels".into(), integer(channels));
            }
            Ok(())
        })?;
        Ok(channels)
    }

    fn validate(&self) -> Result<(), String> {
        let words = Self::default();
        if self.model.is_some() {
            return match self.max_words == words.max_words && self.encoder == words.encoder {
                true => Ok(()),
                false => Err(
                    "max_words and encoder are of words, but model names a pretrained encoder: leave them \
                              or it out"
                        .into(),
                ),
            };
        }
        let vocabulary = self.vocabulary.unwrap_or(1);
        let network = self.encoder.init(vocabulary, self.words_context(), &Device::flex(), 0);
        network.map_err(|error| error.to_string())?;
        match self.max_words {
            0 => Err("max_words is 0: it must be at least 1".into()),
            _ => Ok(()),
        }
    }
}

fn integer(value: usize) -> Value {
    Value::Integer(value as i64)
}

/// Changes a section of a configuration, which the types have found to be one.
fn section(
    table: &mut Table,
    name: &str,
    change: impl FnOnce(&mut Table) -> Result<(), String>,
) -> Result<(), String> {
    match table.entry(name).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(section) => change(section),
        _ => Ok(()),
    }
}

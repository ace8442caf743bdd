use burn::prelude::*;
use data::{DatasetConfig, Splits};
use toml::{Table, Value};

use super::config::{FirstStageSource, LatentRunConfig, TextConfig};
use super::first_stage::tokenizer;
use crate::resolve::decide;
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
        let classes = splits.num_classes().filter(|_| self.train.conditional && self.text.is_none());
        section(table, "model", |model| {
            let [channels, side, _] = shape;
            for (key, value) in [("image_size", side), ("in_channels", channels), ("out_channels", channels)]
            {
                decide(model, key, Some(value))?;
            }
            decide(model, "num_classes", classes)?;
            if let Some(text) = &self.text {
                let context = Table::from_iter([("channels".to_owned(), integer(text.encoder.channels))]);
                model.entry("context").or_insert(Value::Table(context));
            }
            Ok(())
        })?;
        if let (Some(names), Some(_)) = (splits.class_names(), classes) {
            table.insert("class_names".into(), names.to_vec().into());
        }
        let Some(text) = &self.text else { return Ok(()) };
        if splits.train.caption(0).is_none() {
            return Err(
                "[text]: the data set has no captions: give a folder whose metadata.jsonl has a `text` in each \
                 line, or leave [text] out"
                    .into(),
            );
        }
        let words = tokenizer(text, splits);
        section(table, "text", |table| {
            table.insert("vocabulary".into(), integer(words.vocabulary()));
            Ok(())
        })
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
        latents.validate()
    }

    fn lasting(mut self) -> Self {
        self.train = self.train.lasting();
        self.sample = Default::default();
        self.class_names = None;
        self.dataset.source = DatasetConfig::default().source;
        // The weights are compared instead of where they lie, and the scale once it is measured.
        self.first_stage = FirstStageSource { run: Default::default(), scale: None, ..self.first_stage };
        if let Some(text) = &mut self.text {
            text.preview.clear();
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
        let (given, needed) = (self.model.context.map(|context| context.channels), text.encoder.channels);
        match given {
            Some(given) if given != needed => Err(format!(
                "model.context.channels is {given}, but text.encoder.channels {needed}: leave the first out"
            )),
            _ => Ok(()),
        }
    }
}

impl TextConfig {
    fn validate(&self) -> Result<(), String> {
        let vocabulary = self.vocabulary.unwrap_or(1);
        let network = self.encoder.init(vocabulary, self.context, &Device::flex(), 0);
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

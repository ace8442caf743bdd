use std::path::Path;
use std::sync::Arc;

use burn::prelude::*;
use layout::TextReader;
use text::WordTokenizer;
use unet::UNet;

use super::captions::CaptionTokenizer;
use super::config::{LatentRunConfig, TextConfig};
use super::first_stage::FrozenFirstStage;
use super::network::{LatentNet, Told};
use super::system::LatentSystem;
use crate::error::TrainError;
use crate::weights::read_checked;
use crate::{TrainedModel, Weights};

/// By what two scales may differ that are the same: the average of a constant is not exact.
const TOLERANCE: f64 = 1e-3;

/// A trained network on latents with all that drawing from it needs.
#[derive(Debug)]
pub struct TrainedLatent {
    /// The network.
    pub net: LatentNet,
    /// What it was trained with.
    pub config: LatentRunConfig,
    /// What makes images of its latents.
    pub first_stage: FrozenFirstStage,
    /// What makes tokens of texts; none where it knows classes.
    pub tokenizer: Option<CaptionTokenizer>,
    /// What encodes them, where it was not trained.
    pub reader: Option<Arc<TextReader>>,
    /// Where it is.
    pub device: Device,
}

impl TrainedLatent {
    /// Wraps a network made by `config`, on its device.
    ///
    /// # Errors
    ///
    /// If the first stage is missing or has changed, or its latents were scaled otherwise.
    pub fn new(
        net: LatentNet,
        config: LatentRunConfig,
        tokenizer: Option<CaptionTokenizer>,
        device: &Device,
    ) -> Result<Self, TrainError> {
        Self::with(FrozenFirstStage::load(&config, device)?, net, config, tokenizer, device)
    }

    /// As [`new`](Self::new), with a first stage that has been read.
    pub(super) fn with(
        first_stage: FrozenFirstStage,
        net: LatentNet,
        config: LatentRunConfig,
        tokenizer: Option<CaptionTokenizer>,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let trained = net.latent_scale.val().try_into_scalar::<f64>();
        let measured = trained.map_err(|error| TrainError::Device(error.to_string()))?;
        let scale = config.first_stage.scale.unwrap_or(f64::NAN);
        if (scale / measured - 1.0).abs() < TOLERANCE {
            let reader = match &config.text {
                Some(text) => text.pretrained(device)?,
                None => None,
            };
            return Ok(Self { net, config, first_stage, tokenizer, reader, device: device.clone() });
        }
        Err(TrainError::LatentScale { origin: "first_stage.scale".into(), scale, measured })
    }

    /// The model with averaged weights that were read.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), if they are those of another network, and if the run's words are missing or damaged.
    pub fn load(weights: &Weights, config: LatentRunConfig, device: &Device) -> Result<Self, TrainError> {
        let net = weights.averaged::<LatentSystem>(&config, device)?;
        let tokenizer = match &config.text {
            None => None,
            Some(TextConfig { model: None, .. }) => Some(CaptionTokenizer::Words(words_of(weights.path())?)),
            Some(text) => Some(CaptionTokenizer::Pretrained(Box::new(text.folder()?.tokenizer))),
        };
        Self::new(net, config, tokenizer, device)
    }

    /// The model of latents, for sampling. Where it knows words, it has a class for each prompt, and the class that means
    /// none is what images are guided away from.
    ///
    /// # Errors
    ///
    /// If the configuration's schedule is impossible.
    pub fn told(&self, prompts: &[String], negative: &str) -> Result<TrainedModel<Told<UNet>>, TrainError> {
        let texts = prompts.iter().map(String::as_str).chain([negative]);
        let tokens = self
            .tokenizer
            .as_ref()
            .map(|tokenizer| texts.map(|text| tokenizer.encode(text)).collect::<Vec<_>>());
        let texts = tokens.and_then(|tokens| self.net.texts(&tokens, self.reader.as_deref()));
        let net = Told { unet: self.net.unet.clone(), texts, beside: None };
        let model = TrainedModel::new(net, &self.config.of_latents(), &self.device)?;
        // Latents know no range.
        let model = TrainedModel { clip_x0: false, ..model };
        Ok(match self.tokenizer {
            Some(_) => TrainedModel {
                num_classes: Some(prompts.len()),
                class_names: Some(prompts.to_vec()),
                empty_classes: Vec::new(),
                ..model
            },
            None => model,
        })
    }
}

/// The words of the run that weights belong to: its `ema.bpk`, or the folder of one of its checkpoints.
fn words_of(weights: &Path) -> Result<WordTokenizer, TrainError> {
    let levels = if weights.is_dir() { 2 } else { 1 };
    let run = weights.ancestors().nth(levels).unwrap_or(Path::new("."));
    let path = crate::RunDir::new(run).words();
    let there = WordTokenizer::read(&path)?;
    read_checked(&path)?;
    Ok(there)
}

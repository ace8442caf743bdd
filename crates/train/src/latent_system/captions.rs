use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::DType;
use data::Splits;
use layout::{TextFolder, TextReader, folder_hash};
use text::{Tokenizer, Tokens, WordTokenizer};

use super::config::TextConfig;
use crate::error::TrainError;

/// Folders in that of a pretrained encoder which its hash is of too.
const PARTS: [&str; 2] = ["tokenizer", "text_encoder"];

/// What makes tokens of captions.
#[derive(Clone, Debug)]
pub enum CaptionTokenizer {
    /// Words of the captions, whose encoder is trained with the network.
    Words(WordTokenizer),
    /// That of a pretrained encoder.
    Pretrained(Box<Tokenizer>),
}

impl CaptionTokenizer {
    /// That of a run.
    pub(super) fn new(text: &TextConfig, splits: &Splits) -> Result<Self, TrainError> {
        Ok(match &text.model {
            None => Self::Words(words(text, splits)),
            Some(_) => Self::Pretrained(Box::new(text.folder()?.tokenizer)),
        })
    }

    /// The tokens of a text, cut or padded to the context.
    pub fn encode(&self, text: &str) -> Tokens {
        match self {
            Self::Words(words) => words.encode(text),
            Self::Pretrained(tokenizer) => tokenizer.encode(text),
        }
    }

    /// Words of a text that no caption had; a pretrained tokenizer knows all.
    pub fn unknown_words(&self, text: &str) -> Vec<String> {
        match self {
            Self::Words(words) => words.unknown_words(text),
            Self::Pretrained(_) => Vec::new(),
        }
    }
}

/// The tokenizer of a data set's captions.
pub(super) fn words(text: &TextConfig, splits: &Splits) -> WordTokenizer {
    let captions = (0..splits.train.len()).filter_map(|index| splits.train.caption(index));
    WordTokenizer::of_captions(captions, text.max_words, text.words_context())
}

impl TextConfig {
    /// The pretrained encoder's folder, with as many tokens as asked for.
    ///
    /// # Errors
    ///
    /// If there is none, or it is damaged, or reads fewer tokens.
    pub fn folder(&self) -> Result<TextFolder, TrainError> {
        let model = self.model.as_deref().unwrap_or(std::path::Path::new(""));
        let refused = |reason: String| TrainError::Config {
            origin: format!("text.model = {}", model.display()),
            reason,
        };
        let folder = TextFolder::open(model).map_err(|error| refused(error.to_string()))?;
        let most = folder.tokenizer.context();
        match self.context {
            Some(context) if context == 0 || context > most => Err(refused(format!(
                "text.context is {context}, but it reads up to {most} tokens: leave it out"
            ))),
            Some(context) => Ok(folder.with_context(context)),
            None => Ok(folder),
        }
    }

    /// SHA-256 of the pretrained encoder's files as they are now.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or are others than those that a run was begun with.
    pub(super) fn weights_now(&self) -> Result<Option<String>, String> {
        let Some(model) = &self.model else { return Ok(None) };
        let named = format!("text.model = {}", model.display());
        let weights = folder_hash(model, &PARTS).map_err(|error| format!("{named}: {error}"))?;
        match &self.weights {
            Some(begun) if *begun != weights => Err(format!(
                "text.weights: the files of {named} have changed since: put them back, or start another run from a \
                 configuration without this key"
            )),
            _ => Ok(Some(weights)),
        }
    }

    /// The pretrained encoder, out of reach of gradients; none where words are trained.
    ///
    /// # Errors
    ///
    /// If it is missing or damaged, or has changed since the run began.
    pub(super) fn pretrained(&self, device: &Device) -> Result<Option<Arc<TextReader>>, TrainError> {
        if self.model.is_none() {
            return Ok(None);
        }
        let refused = |reason: String| TrainError::Config { origin: "the configuration".into(), reason };
        self.weights_now().map_err(refused)?;
        let reader = self.folder()?.read(device, DType::F32).map_err(|error| refused(error.to_string()))?;
        Ok(Some(Arc::new(reader.frozen())))
    }
}

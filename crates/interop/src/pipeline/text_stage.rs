use std::path::Path;

use burn::prelude::*;
use burn::tensor::DType;
use layout::{TextEncoder, TextFolder, TextReader, part_folder};
use text::Tokens;

use super::{Embeddings, ModelIndex, PipelineError, PipelineKind};
use crate::InteropError;

/// What makes [`Embeddings`] of prompts: a folder's tokenizers and text encoders.
#[derive(Debug)]
pub struct TextStage {
    kind: PipelineKind,
    readers: Vec<TextReader>,
    zeros_for_empty: bool,
    device: Device,
}

impl TextStage {
    /// Reads the tokenizers and text encoders of a folder, their weights in the given precision; none if its pipeline has
    /// none.
    ///
    /// # Errors
    ///
    /// If one is missing, damaged, or of a class that we do not have, or a tokenizer has tokens that its encoder has not.
    pub fn read(folder: &Path, device: &Device, dtype: DType) -> Result<Option<Self>, PipelineError> {
        let index = ModelIndex::read(folder)?;
        let kind = index.checked_kind()?;
        let parts = index.readers(kind);
        if parts.is_empty() {
            return Ok(None);
        }
        let folders = parts.iter().map(|(tokenizer, encoder)| {
            let class = index.part(encoder).unwrap_or_default();
            let [tokenizer, encoder] = [tokenizer, encoder].map(|part| part_folder(folder, part));
            TextFolder::of_parts(&tokenizer, &encoder, class)
        });
        let folders: Vec<TextFolder> = folders.collect::<Result<_, InteropError>>()?;
        check_contexts(folder, &parts, &folders)?;
        let readers =
            folders.into_iter().map(|text| text.read(device, dtype)).collect::<Result<_, InteropError>>()?;
        Ok(Some(Self { kind, readers, zeros_for_empty: index.zeros_for_empty(), device: device.clone() }))
    }

    /// What the network attends to of each prompt; `clip_skip` layers of a CLIP encoder are left out.
    ///
    /// # Errors
    ///
    /// If an encoder has not so many layers.
    pub fn encode(&self, prompts: &[String], clip_skip: usize) -> Result<Embeddings, PipelineError> {
        let encoded = self
            .readers
            .iter()
            .map(|reader| self.encode_by(reader, &self.tokens(reader, prompts), clip_skip));
        let encoded: Vec<Embeddings> = encoded.collect::<Result<_, _>>()?;
        let pooled = encoded.iter().rev().find_map(|encoded| encoded.pooled.clone());
        let texts = encoded.into_iter().map(|encoded| encoded.text).collect();
        Ok(Embeddings { text: Tensor::cat(texts, 2), pooled })
    }

    /// What images are guided away from, beside the embeddings of their prompts: the encoded negative prompts, or what
    /// stands for none. As in the reference library, no layers are left out of it.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_negative(
        &self,
        prompts: Option<&[String]>,
        beside: &Embeddings,
    ) -> Result<Embeddings, PipelineError> {
        match prompts {
            Some(prompts) => self.encode(prompts, 0),
            None if self.zeros_for_empty => Ok(Embeddings {
                text: beside.text.zeros_like(),
                pooled: beside.pooled.as_ref().map(Tensor::zeros_like),
            }),
            None => self.encode(&vec![String::new(); beside.text.dims()[0]], 0),
        }
    }

    /// How many tokens of a prompt no encoder sees, because its context is full.
    pub fn dropped(&self, prompt: &str) -> usize {
        let prompt = [prompt.to_owned()];
        let tokens = self.readers.iter().flat_map(|reader| self.tokens(reader, &prompt));
        tokens.map(|tokens| tokens.dropped).max().unwrap_or(0)
    }

    fn tokens(&self, reader: &TextReader, prompts: &[String]) -> Vec<Tokens> {
        // IF was trained on texts in small letters.
        let small = matches!(self.kind, PipelineKind::If | PipelineKind::IfUpscale);
        let read = |prompt: &String| {
            let lowered = if small { prompt.trim().to_lowercase() } else { prompt.clone() };
            reader.tokenizer.encode(&lowered)
        };
        prompts.iter().map(read).collect()
    }

    fn encode_by(
        &self,
        reader: &TextReader,
        tokens: &[Tokens],
        clip_skip: usize,
    ) -> Result<Embeddings, PipelineError> {
        let ids = Tokens::upload(tokens, &self.device);
        let TextEncoder::Clip(network) = &reader.encoder else {
            let text = reader.states(ids, Tokens::masks(tokens, &self.device));
            return Ok(Embeddings { text, pooled: None });
        };
        let states = network.forward(ids, None);
        let unnormed = self.kind == PipelineKind::StableDiffusionXl;
        let skipped = clip_skip + usize::from(unnormed);
        let layers = states.layers.len() - 1;
        let text = match layers.checked_sub(skipped) {
            Some(layer) if unnormed => Some(states.layers[layer].clone()),
            Some(_) if skipped == 0 => Some(states.last.clone()),
            _ => network.skipping(&states, skipped),
        };
        let text = text.ok_or(PipelineError::ClipSkip { clip_skip, layers })?;
        Ok(Embeddings { text, pooled: states.projected })
    }
}

/// Refuses tokenizers of unlike lengths: what their encoders make of a prompt stands side by side.
fn check_contexts(folder: &Path, parts: &[(&str, &str)], folders: &[TextFolder]) -> Result<(), InteropError> {
    let first = folders.first().map_or(0, |text| text.tokenizer.context());
    for ((tokenizer, _), text) in parts.iter().zip(folders) {
        let context = text.tokenizer.context();
        if context != first {
            return Err(InteropError::Unsupported {
                path: part_folder(folder, tokenizer).join("tokenizer_config.json"),
                option: "model_max_length".into(),
                value: format!("{context} beside {first} of the other tokenizer"),
            });
        }
    }
    Ok(())
}

use std::path::Path;

use burn::prelude::*;
use burn::tensor::DType;
use text::{ClipText, LdmBert, T5Encoder, Tokenizer, Tokens};

use super::{Embeddings, ModelIndex, PipelineError, PipelineKind};
use crate::{InteropError, read_clip_text, read_ldm_bert, read_t5_encoder};

/// How many tokens IF reads, and LDMBert.
const CONTEXT: usize = 77;

/// What makes [`Embeddings`] of prompts: a folder's tokenizers and text encoders.
#[derive(Debug)]
pub struct TextStage {
    kind: PipelineKind,
    readers: Vec<Reader>,
    zeros_for_empty: bool,
    device: Device,
}

/// A tokenizer and the encoder that reads its tokens.
#[derive(Debug)]
struct Reader {
    tokenizer: Tokenizer,
    encoder: Encoder,
}

#[derive(Debug)]
enum Encoder {
    Clip(Box<ClipText>),
    T5(Box<T5Encoder>),
    LdmBert(Box<LdmBert>),
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
        let readers = parts.iter().map(|(tokenizer, encoder)| {
            let class = index.part(encoder).unwrap_or_default();
            Reader::read(&folder.join(tokenizer), &folder.join(encoder), class, device, dtype)
        });
        let readers = readers.collect::<Result<_, _>>()?;
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
            .map(|reader| reader.encode(&self.tokens(reader, prompts), self.kind, clip_skip, &self.device));
        let encoded: Vec<Embeddings> = encoded.collect::<Result<_, _>>()?;
        let pooled = encoded.iter().rev().find_map(|encoded| encoded.pooled.clone());
        let texts = encoded.into_iter().map(|encoded| encoded.text).collect();
        Ok(Embeddings { text: Tensor::cat(texts, 2), pooled })
    }

    /// What images are guided away from, beside the embeddings of their prompts: the encoded negative prompts, or what
    /// stands for none.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_negative(
        &self,
        prompts: Option<&[String]>,
        beside: &Embeddings,
        clip_skip: usize,
    ) -> Result<Embeddings, PipelineError> {
        match prompts {
            Some(prompts) => self.encode(prompts, clip_skip),
            None if self.zeros_for_empty => Ok(Embeddings {
                text: beside.text.zeros_like(),
                pooled: beside.pooled.as_ref().map(Tensor::zeros_like),
            }),
            None => self.encode(&vec![String::new(); beside.text.dims()[0]], clip_skip),
        }
    }

    /// How many tokens of a prompt no encoder sees, because its context is full.
    pub fn dropped(&self, prompt: &str) -> usize {
        let prompt = [prompt.to_owned()];
        let tokens = self.readers.iter().flat_map(|reader| self.tokens(reader, &prompt));
        tokens.map(|tokens| tokens.dropped).max().unwrap_or(0)
    }

    fn tokens(&self, reader: &Reader, prompts: &[String]) -> Vec<Tokens> {
        // IF was trained on texts in small letters.
        let small = matches!(self.kind, PipelineKind::If | PipelineKind::IfUpscale);
        let read = |prompt: &String| {
            let lowered = if small { prompt.trim().to_lowercase() } else { prompt.clone() };
            reader.tokenizer.encode(&lowered)
        };
        prompts.iter().map(read).collect()
    }
}

impl Reader {
    fn read(
        tokenizer: &Path,
        encoder: &Path,
        class: &str,
        device: &Device,
        dtype: DType,
    ) -> Result<Self, PipelineError> {
        let read = Tokenizer::read(tokenizer)?;
        let (encoder, vocabulary, context) = match class {
            "CLIPTextModel" | "CLIPTextModelWithProjection" => {
                let (network, config) = read_clip_text(encoder, device, dtype)?;
                (Encoder::Clip(Box::new(network)), config.vocabulary, read.context().min(config.context))
            }
            "T5EncoderModel" => {
                let (network, config) = read_t5_encoder(encoder, device, dtype)?;
                (Encoder::T5(Box::new(network)), config.vocabulary, CONTEXT)
            }
            "LDMBertModel" => {
                let (network, config) = read_ldm_bert(encoder, device, dtype)?;
                (Encoder::LdmBert(Box::new(network)), config.vocabulary, CONTEXT.min(config.context))
            }
            _ => {
                let path = encoder.join("config.json");
                let (option, value) = ("architectures".into(), class.into());
                return Err(InteropError::Unsupported { path, option, value }.into());
            }
        };
        read.check_vocabulary(vocabulary)?;
        Ok(Self { tokenizer: read.with_context(context), encoder })
    }

    fn encode(
        &self,
        tokens: &[Tokens],
        kind: PipelineKind,
        clip_skip: usize,
        device: &Device,
    ) -> Result<Embeddings, PipelineError> {
        let ids = Tokens::upload(tokens, device);
        Ok(match &self.encoder {
            Encoder::Clip(network) => {
                let states = network.forward(ids, None);
                let unnormed = kind == PipelineKind::StableDiffusionXl;
                let skipped = clip_skip + usize::from(unnormed);
                let layers = states.layers.len() - 1;
                let text = match layers.checked_sub(skipped) {
                    Some(layer) if unnormed => Some(states.layers[layer].clone()),
                    Some(_) if skipped == 0 => Some(states.last.clone()),
                    _ => network.skipping(&states, skipped),
                };
                let text = text.ok_or(PipelineError::ClipSkip { clip_skip, layers })?;
                Embeddings { text, pooled: states.projected }
            }
            Encoder::T5(network) => {
                let mask = Tokens::masks(tokens, device);
                Embeddings { text: network.forward(ids, Some(mask)), pooled: None }
            }
            Encoder::LdmBert(network) => Embeddings { text: network.forward(ids), pooled: None },
        })
    }
}

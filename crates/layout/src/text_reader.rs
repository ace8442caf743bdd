use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::prelude::*;
use burn::tensor::DType;
use serde::Deserialize;
use text::{ClipText, LdmBert, T5Encoder, TextError, Tokenizer};

use crate::folder_content::{check_fetched, listing};
use crate::memory::check_memory;
use crate::text_folder::read_config;
use crate::text_import::{import_clip, import_ldm_bert, import_t5};
use crate::{LayoutError, read_clip_text, read_ldm_bert, read_t5_encoder};

/// How many tokens encoders read whose own configuration sets no limit: IF's, and LDMBert.
const CONTEXT: usize = 77;

/// A folder with a pretrained text encoder, whose weights are not read yet, and its tokenizer.
#[derive(Clone, Debug)]
pub struct TextFolder {
    /// Makes tokens of texts, as many as the encoder reads.
    pub tokenizer: Tokenizer,
    /// Channels of the encoder's states.
    pub channels: usize,
    encoder: PathBuf,
    tokenizer_folder: PathBuf,
    class: Class,
}

#[derive(Clone, Copy, Debug)]
enum Class {
    Clip,
    T5,
    LdmBert,
}

impl TextFolder {
    /// A tokenizer's folder and that of an encoder of the given class.
    ///
    /// # Errors
    ///
    /// If one is missing, damaged, or of a class that we do not have, or the tokenizer has tokens that the encoder has not.
    pub fn of_parts(tokenizer: &Path, encoder: &Path, class: &str) -> Result<Self, LayoutError> {
        check_fetched(tokenizer)?;
        let read = Tokenizer::read(tokenizer).map_err(|error| no_tokenizer(tokenizer, error))?;
        let (class, vocabulary, context, channels, heads) = match class {
            "CLIPTextModel" | "CLIPTextModelWithProjection" => {
                let config = read_config(encoder, import_clip)?;
                (
                    Class::Clip,
                    config.vocabulary,
                    read.context().min(config.context),
                    config.channels,
                    config.heads,
                )
            }
            "T5EncoderModel" => {
                let config = read_config(encoder, import_t5)?;
                (Class::T5, config.vocabulary, CONTEXT, config.channels, config.heads)
            }
            "LDMBertModel" => {
                let config = read_config(encoder, import_ldm_bert)?;
                (
                    Class::LdmBert,
                    config.vocabulary,
                    CONTEXT.min(config.context),
                    config.channels,
                    config.heads,
                )
            }
            _ => {
                return Err(LayoutError::Unsupported {
                    path: encoder.join("config.json"),
                    option: "architectures".into(),
                    value: class.into(),
                });
            }
        };
        let read = read
            .with_vocabulary(vocabulary)
            .map_err(|reason| LayoutError::Text { path: tokenizer.to_path_buf(), reason })?;
        check_attention(context, heads)
            .map_err(|reason| LayoutError::Size { config: encoder.join("config.json"), reason })?;
        Ok(Self {
            tokenizer: read.with_context(context),
            channels,
            encoder: encoder.to_path_buf(),
            tokenizer_folder: tokenizer.to_path_buf(),
            class,
        })
    }

    /// A folder with both: `tokenizer` and `text_encoder` in it, or all files beside each other. The class is the one that
    /// the encoder's configuration names.
    ///
    /// # Errors
    ///
    /// As [`of_parts`](Self::of_parts).
    pub fn open(folder: &Path) -> Result<Self, LayoutError> {
        let (tokenizer, encoder) = match folder.join("text_encoder").is_dir() {
            true => (folder.join("tokenizer"), folder.join("text_encoder")),
            false => (folder.to_path_buf(), folder.to_path_buf()),
        };
        let path = encoder.join("config.json");
        let text = fs::read_to_string(&path).map_err(LayoutError::io("read", &path))?;
        let Named { architectures } = serde_json::from_str(&text).map_err(LayoutError::damaged(&path))?;
        Self::of_parts(&tokenizer, &encoder, architectures.first().map_or("", String::as_str))
    }

    /// Copies its files as the parts `text_encoder` and `tokenizer` of a folder, and says the classes of both; only of CLIP's,
    /// with all the tokens that it reads.
    ///
    /// # Errors
    ///
    /// If it is another's, or a file cannot be copied.
    pub fn copy_parts(&self, folder: &Path) -> Result<[&'static str; 2], LayoutError> {
        if !matches!(self.class, Class::Clip) {
            let option =
                format!("text.model = {} (not CLIP's, for latents of images)", self.encoder.display());
            return Err(LayoutError::Inexpressible { option });
        }
        let of_encoder = |name: &str| {
            name == "config.json" || name.starts_with("model") || name.starts_with("pytorch_model")
        };
        let apart = self.encoder != self.tokenizer_folder;
        copy(&self.encoder, &folder.join("text_encoder"), |name| apart || of_encoder(name))?;
        copy(&self.tokenizer_folder, &folder.join("tokenizer"), |name| apart || !of_encoder(name))?;
        Ok(["CLIPTextModel", "CLIPTokenizer"])
    }

    /// The same with so many tokens of a text.
    #[must_use]
    pub fn with_context(self, context: usize) -> Self {
        Self { tokenizer: self.tokenizer.with_context(context), ..self }
    }

    /// Reads the encoder, its weights in the given precision.
    ///
    /// # Errors
    ///
    /// If its weights are missing, damaged, or those of another network.
    pub fn read(self, device: &Device, dtype: DType) -> Result<TextReader, LayoutError> {
        let (folder, tokenizer) = (&self.encoder, self.tokenizer);
        let encoder = match self.class {
            Class::Clip => TextEncoder::Clip(Box::new(read_clip_text(folder, device, dtype)?.0)),
            Class::T5 => TextEncoder::T5(Box::new(read_t5_encoder(folder, device, dtype)?.0)),
            Class::LdmBert => TextEncoder::LdmBert(Box::new(read_ldm_bert(folder, device, dtype)?.0)),
        };
        Ok(TextReader { tokenizer, encoder })
    }
}

/// A pretrained text encoder and the tokenizer that belongs to it.
#[derive(Debug)]
pub struct TextReader {
    /// Makes tokens of texts, as many as the encoder reads.
    pub tokenizer: Tokenizer,
    /// Makes states of tokens.
    pub encoder: TextEncoder,
}

/// A pretrained text encoder.
#[derive(Clone, Debug)]
pub enum TextEncoder {
    /// CLIP's.
    Clip(Box<ClipText>),
    /// T5's.
    T5(Box<T5Encoder>),
    /// That of latent diffusion's text-to-image model.
    LdmBert(Box<LdmBert>),
}

impl TextReader {
    /// The same, its encoder out of reach of gradients.
    #[must_use]
    pub fn frozen(self) -> Self {
        let encoder = match self.encoder {
            TextEncoder::Clip(network) => TextEncoder::Clip(Box::new(network.no_grad())),
            TextEncoder::T5(network) => TextEncoder::T5(Box::new(network.no_grad())),
            TextEncoder::LdmBert(network) => TextEncoder::LdmBert(Box::new(network.no_grad())),
        };
        Self { encoder, ..self }
    }

    /// The last states of tokens, as networks attend to them.
    ///
    /// # Shapes
    ///
    /// - `ids`, `mask`: `[B, T]`; only T5 is told what is padding
    /// - output: `[B, T, channels]`
    pub fn states(&self, ids: Tensor<2, Int>, mask: Tensor<2, Int>) -> Tensor<3> {
        match &self.encoder {
            TextEncoder::Clip(network) => network.forward(ids, None).last,
            TextEncoder::T5(network) => network.forward(ids, Some(mask)),
            TextEncoder::LdmBert(network) => network.forward(ids),
        }
    }
}

/// The files that a tokenizer could be read from, beside what lies in its folder.
fn no_tokenizer(folder: &Path, error: TextError) -> LayoutError {
    match error {
        TextError::NoTokenizer { path } => LayoutError::Parts {
            path,
            missing: vec![
                "a tokenizer: vocab.json with merges.txt, spiece.model, vocab.txt or tokenizer.json".into(),
            ],
            there: listing(folder),
        },
        error => LayoutError::Tokenizer(error),
    }
}

/// Refuses a sequence whose attention no machine holds.
fn check_attention(context: usize, heads: usize) -> Result<(), String> {
    let bytes = [context, heads, 4].iter().fold(context as u64, |bytes, &n| bytes.saturating_mul(n as u64));
    check_memory(bytes).map_err(|needs| format!("its sequence of {context} tokens {needs}"))
}

/// Copies the files of a folder that are wanted by name.
fn copy(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<(), LayoutError> {
    fs::create_dir_all(to).map_err(LayoutError::io("create", to))?;
    for entry in fs::read_dir(from).map_err(LayoutError::io("read", from))?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_file() && name.to_str().is_some_and(&wanted) {
            fs::copy(&path, to.join(&name)).map_err(LayoutError::io("copy", &path))?;
        }
    }
    Ok(())
}

/// What a configuration says of itself.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    architectures: Vec<String>,
}

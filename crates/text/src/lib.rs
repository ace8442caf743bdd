//! What a prompt is made into: tokens, and the states of a text encoder that a network attends to.
//!
//! Encoders: [`ClipText`] (Radford et al. 2021, arXiv 2103.00020), which Stable Diffusion reads; [`T5Encoder`] (Raffel et
//! al. 2020, arXiv 1910.10683), which IF reads; [`LdmBert`], latent diffusion's own; and [`WordEncoder`], small enough to
//! be trained from nothing together with the network that reads it. Layers and their order are those of the reference
//! library, so that a published checkpoint is loaded by renaming its tensors.
//!
//! Tokenizers: [`Tokenizer`] for the pretrained encoders, [`WordTokenizer`] for the small one. A prompt that is longer
//! than the context is cut before its last token, the end mark; an empty prompt is that of guidance's unconditional
//! branch. Tokens are [`Tokens`], padded to the context, with a mask of what is no padding.

mod activation;
mod added_tokens;
mod attention;
mod byte_pairs;
mod clip;
mod error;
mod layer;
mod ldm_bert;
mod mask;
mod relative_positions;
mod replacements;
mod sentencepiece;
mod t5;
mod tokenizer;
mod tokenizer_files;
mod tokenizer_json;
mod tokenizer_keys;
mod tokens;
mod unigram;
mod word_encoder;
mod word_pieces;
mod word_tokenizer;

pub use activation::TextActivation;
pub use clip::{ClipStates, ClipText, ClipTextConfig, EndToken};
pub use error::TextError;
pub use ldm_bert::{LdmBert, LdmBertConfig};
pub use t5::{T5Config, T5Encoder};
pub use tokenizer::Tokenizer;
pub use tokens::Tokens;
pub use word_encoder::{WordEncoder, WordEncoderConfig};
pub use word_tokenizer::WordTokenizer;

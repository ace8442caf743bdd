use std::collections::HashMap;

use serde::Deserialize;

use crate::tokenizer::Tokenizer;
use crate::tokenizer_files::{bert, clip};
use crate::tokenizer_keys::TokenizerKeys;

/// What we read of `tokenizer.json`, where the files that it was made of are not beside it.
#[derive(Deserialize)]
struct Json {
    model: ModelJson,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum ModelJson {
    #[serde(rename = "BPE")]
    BytePairs {
        vocab: HashMap<String, u32>,
        merges: Vec<Pair>,
        end_of_word_suffix: Option<String>,
    },
    WordPiece {
        vocab: HashMap<String, u32>,
    },
    Unigram {},
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

/// Two pieces, or both in one string with a space between them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Pair {
    Two(String, String),
    Joined(String),
}

/// Reads the text of `tokenizer.json`.
///
/// # Errors
///
/// What is wrong in it, or that it is none of the kinds we have.
pub(crate) fn read(text: &str, keys: &TokenizerKeys) -> Result<Tokenizer, String> {
    let Json { model } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match model {
        ModelJson::BytePairs { vocab, merges, end_of_word_suffix } => {
            if end_of_word_suffix.as_deref() != Some("</w>") {
                return Err("its byte pairs are not CLIP's, and we have no others".into());
            }
            let pair = |pair| match pair {
                Pair::Two(a, b) => Some((a, b)),
                Pair::Joined(text) => text.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())),
            };
            clip(vocab, merges.into_iter().filter_map(pair).collect(), keys)
        }
        ModelJson::WordPiece { vocab } => bert(vocab, keys),
        ModelJson::Unigram { .. } => Err("it is a SentencePiece model: put spiece.model beside it".into()),
        ModelJson::Other(_) => Err("its model is none of BPE, WordPiece and Unigram".into()),
    }
}

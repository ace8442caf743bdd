use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::TextError;
use crate::byte_pairs::BytePairs;
use crate::sentencepiece::SentencePiece;
use crate::tokenizer::{Model, Tokenizer};
use crate::tokenizer_json;
use crate::tokenizer_keys::{Mark, TokenizerKeys};
use crate::unigram::Unigram;
use crate::word_pieces::{WordPieceOptions, WordPieces};

/// Reads the tokenizer of a folder.
pub(crate) fn read(folder: &Path) -> Result<Tokenizer, TextError> {
    let keys = TokenizerKeys::read(folder)?;
    let there = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
    if let (Some(words), Some(merges)) = (there("vocab.json"), there("merges.txt")) {
        let vocabulary = serde_json::from_str(&text(&words)?).map_err(TextError::damaged(&words))?;
        return clip(vocabulary, pairs(&text(&merges)?), &keys).map_err(TextError::damaged(&merges));
    }
    if let Some(path) = there("spiece.model") {
        let bytes = fs::read(&path).map_err(TextError::io("read", &path))?;
        let model = SentencePiece::parse(&bytes);
        return model.and_then(|model| t5(&model, &keys)).map_err(TextError::damaged(&path));
    }
    if let Some(path) = there("vocab.txt") {
        let vocabulary = text(&path)?.lines().map(|word| word.trim_end().to_owned()).zip(0..).collect();
        return bert(vocabulary, &keys).map_err(TextError::damaged(&path));
    }
    match there("tokenizer.json") {
        Some(path) => tokenizer_json::read(&text(&path)?, &keys).map_err(TextError::damaged(&path)),
        None => Err(TextError::NoTokenizer { path: folder.to_path_buf() }),
    }
}

fn text(path: &Path) -> Result<String, TextError> {
    fs::read_to_string(path).map_err(TextError::io("read", path))
}

/// The lines of `merges.txt`, less its head.
fn pairs(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| !line.starts_with("#version"));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(a, b)| (a.to_owned(), b.trim_end().to_owned()))
        .collect()
}

/// The token of a mark that the tokenizer's files name, or of the one that its kind has.
fn mark(vocabulary: &HashMap<String, u32>, named: &Option<Mark>, default: &str) -> Result<u32, String> {
    let mark = named.as_ref().map_or(default, Mark::text);
    vocabulary.get(mark).copied().ok_or_else(|| format!("the vocabulary has no token {mark}"))
}

/// Those of `spellings` that are tokens.
fn marks<'a>(
    vocabulary: &HashMap<String, u32>,
    spellings: impl IntoIterator<Item = &'a str>,
) -> Vec<(String, u32)> {
    let known = |mark: &str| Some((mark.to_owned(), *vocabulary.get(mark)?));
    spellings.into_iter().filter_map(known).collect()
}

fn size(ids: impl Iterator<Item = u32>) -> usize {
    ids.max().map_or(0, |largest| largest as usize + 1)
}

/// CLIP's: byte pairs between a start and an end mark, padded with the end mark where nothing else is named.
pub(crate) fn clip(
    vocabulary: HashMap<String, u32>,
    merges: Vec<(String, String)>,
    keys: &TokenizerKeys,
) -> Result<Tokenizer, String> {
    const START: &str = "<|startoftext|>";
    const END: &str = "<|endoftext|>";
    let end = mark(&vocabulary, &keys.eos_token, END)?;
    Ok(Tokenizer {
        marks: marks(&vocabulary, keys.marks().into_iter().chain([START, END])),
        start: Some(mark(&vocabulary, &keys.bos_token, START)?),
        end,
        pad: mark(&vocabulary, &keys.pad_token, END).unwrap_or(end),
        context: keys.context(),
        vocabulary: size(vocabulary.values().copied()),
        model: Model::BytePairs(BytePairs::new(
            vocabulary.clone(),
            merges,
            mark(&vocabulary, &keys.unk_token, END)?,
        )?),
    })
}

/// T5's: a unigram model's pieces before an end mark.
pub(crate) fn t5(model: &SentencePiece, keys: &TokenizerKeys) -> Result<Tokenizer, String> {
    let ids: HashMap<String, u32> = model.pieces.iter().map(|(piece, _)| piece.clone()).zip(0..).collect();
    let control = model.control.iter().map(|&id| model.pieces[id].0.as_str());
    Ok(Tokenizer {
        marks: marks(&ids, control),
        start: None,
        end: mark(&ids, &keys.eos_token, "</s>")?,
        pad: mark(&ids, &keys.pad_token, "<pad>")?,
        context: keys.context(),
        vocabulary: model.pieces.len(),
        model: Model::Unigram(Unigram::new(model)?),
    })
}

/// BERT's: word pieces between two marks.
pub(crate) fn bert(vocabulary: HashMap<String, u32>, keys: &TokenizerKeys) -> Result<Tokenizer, String> {
    let lower_case = keys.do_lower_case.unwrap_or(true);
    let options = WordPieceOptions {
        lower_case,
        strip_accents: keys.strip_accents.unwrap_or(lower_case),
        split_chinese: keys.tokenize_chinese_chars.unwrap_or(true),
    };
    Ok(Tokenizer {
        marks: marks(&vocabulary, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]),
        start: Some(mark(&vocabulary, &None, "[CLS]")?),
        end: mark(&vocabulary, &None, "[SEP]")?,
        pad: mark(&vocabulary, &keys.pad_token, "[PAD]")?,
        context: keys.context(),
        vocabulary: size(vocabulary.values().copied()),
        model: Model::WordPieces(WordPieces::new(
            vocabulary.clone(),
            mark(&vocabulary, &keys.unk_token, "[UNK]")?,
            options,
        )?),
    })
}

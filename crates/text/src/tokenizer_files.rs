use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::TextError;
use crate::added_tokens::{AddedIds, AddedToken, AddedTokens};
use crate::byte_pairs::BytePairs;
use crate::sentencepiece::{PieceKind, SentencePiece};
use crate::tokenizer::{Model, Tokenizer};
use crate::tokenizer_json;
use crate::tokenizer_keys::{Mark, MarkObject, TokenizerKeys};
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

/// Special and added tokens, and the ids of all.
struct Special {
    added: Vec<AddedToken>,
    /// Where in `added` a token is.
    places: HashMap<String, usize>,
    ids: AddedIds,
}

impl Special {
    /// Those that the files name, and of the spellings that a kind of tokenizer has by `default` those that are tokens.
    fn new(vocabulary: &HashMap<String, u32>, keys: &TokenizerKeys, default: &[&str]) -> Self {
        let ids = AddedIds::new(vocabulary);
        let mut special = Self { added: Vec::new(), places: HashMap::new(), ids };
        for (mark, id) in &keys.added {
            special.add(mark.object(), mark.text(), Some(*id));
        }
        for mark in keys.extra() {
            if !special.places.contains_key(mark.text()) {
                special.add(mark.object(), mark.text(), None);
            }
        }
        let default = default.iter().map(|mark| Mark::Text((*mark).to_owned()));
        for mark in keys.named().into_iter().cloned().chain(default) {
            let content = mark.text();
            let listed = special.places.contains_key(content);
            // A mark that is no token is found out where it is asked for; one without a spelling is refused with the others.
            if !listed && (content.is_empty() || special.ids.find(content).is_some()) {
                special.add(mark.object(), content, None);
            }
        }
        special
    }

    /// The last definition of a token is the one that counts.
    fn add(&mut self, mark: MarkObject, content: &str, id: Option<u32>) {
        let id = self.ids.assign(content, id);
        let MarkObject { lstrip, rstrip, single_word, .. } = mark;
        let normalized = mark.normalized();
        let token = AddedToken { content: content.to_owned(), id, lstrip, rstrip, single_word, normalized };
        match self.places.get(content).and_then(|place| self.added.get_mut(*place)) {
            Some(old) => *old = token,
            None => {
                self.places.insert(content.to_owned(), self.added.len());
                self.added.push(token);
            }
        }
    }

    /// The token of a mark that the tokenizer's files name, or of the one that its kind has.
    fn mark(&self, named: &Option<Mark>, default: &str) -> Result<u32, String> {
        let mark = named.as_ref().map_or(default, Mark::text);
        self.ids.find(mark).ok_or_else(|| format!("the vocabulary has no token {mark}"))
    }

    /// How many tokens there are, of added ones those that are not listed.
    fn count_without(&self, others: &[(String, u32)]) -> usize {
        let other = |content: &str| others.iter().any(|(other, _)| other == content);
        let counted =
            self.added.iter().filter(|token| !other(&token.content)).map(|token| token.id as usize + 1);
        counted.max().unwrap_or(0)
    }

    fn tokens(self, model: &Model) -> Result<AddedTokens, String> {
        AddedTokens::new(self.added, |text| model.normalize(text))
    }
}

/// CLIP's: byte pairs between a start and an end mark, padded with the end mark where nothing else is named.
pub(crate) fn clip(
    vocabulary: HashMap<String, u32>,
    merges: Vec<(String, String)>,
    keys: &TokenizerKeys,
) -> Result<Tokenizer, String> {
    const START: &str = "<|startoftext|>";
    const END: &str = "<|endoftext|>";
    let special = Special::new(&vocabulary, keys, &[START, END]);
    let end = special.mark(&keys.eos_token, END)?;
    let model = Model::BytePairs(BytePairs::new(vocabulary, merges, special.mark(&keys.unk_token, END)?)?);
    Ok(Tokenizer {
        start: Some(special.mark(&keys.bos_token, START)?),
        end,
        pad: special.mark(&keys.pad_token, END).unwrap_or(end),
        context: keys.context(),
        vocabulary: special.ids.count(),
        added: special.tokens(&model)?,
        model,
    })
}

/// T5's: a unigram model's pieces before an end mark.
pub(crate) fn t5(pieces: &SentencePiece, keys: &TokenizerKeys) -> Result<Tokenizer, String> {
    let mut ids: HashMap<String, u32> =
        pieces.pieces.iter().map(|piece| piece.text.clone()).zip(0..).collect();
    let sentinels = sentinels(keys, pieces.pieces.len())?;
    for (sentinel, id) in &sentinels {
        ids.entry(sentinel.clone()).or_insert(*id);
    }
    let control = pieces.pieces.iter().filter(|piece| piece.kind == PieceKind::Control);
    let mut default: Vec<&str> = control.map(|piece| piece.text.as_str()).collect();
    default.push("<unk>");
    if keys.extra().is_empty() {
        default.extend(sentinels.iter().map(|(sentinel, _)| sentinel.as_str()));
    }
    let special = Special::new(&ids, keys, &default);
    let model = Model::Unigram(Unigram::new(pieces)?);
    Ok(Tokenizer {
        start: None,
        end: special.mark(&keys.eos_token, "</s>")?,
        pad: special.mark(&keys.pad_token, "<pad>")?,
        context: keys.context(),
        // Encoders need not have the sentinels, which stand for what T5 was trained to fill in.
        vocabulary: special.count_without(&sentinels).max(pieces.pieces.len()),
        added: special.tokens(&model)?,
        model,
    })
}

/// T5's sentinels, which come behind its pieces, the last one first.
fn sentinels(keys: &TokenizerKeys, pieces: usize) -> Result<Vec<(String, u32)>, String> {
    const SENTINELS: usize = 100;
    const MOST: usize = 10_000;
    let count = keys.extra_ids.unwrap_or(SENTINELS);
    if count > MOST {
        return Err(format!("extra_ids = {count}: it must be at most {MOST}"));
    }
    let id = |number: usize| (pieces + count - 1 - number) as u32;
    Ok((0..count).map(|number| (format!("<extra_id_{number}>"), id(number))).collect())
}

/// BERT's: word pieces between two marks.
pub(crate) fn bert(vocabulary: HashMap<String, u32>, keys: &TokenizerKeys) -> Result<Tokenizer, String> {
    let lower_case = keys.do_lower_case.unwrap_or(true);
    let options = WordPieceOptions {
        lower_case,
        strip_accents: keys.strip_accents.unwrap_or(lower_case),
        split_chinese: keys.tokenize_chinese_chars.unwrap_or(true),
    };
    let special = Special::new(&vocabulary, keys, &["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]);
    let unknown = special.mark(&keys.unk_token, "[UNK]")?;
    let model = Model::WordPieces(WordPieces::new(vocabulary, unknown, options)?);
    Ok(Tokenizer {
        start: Some(special.mark(&keys.cls_token, "[CLS]")?),
        end: special.mark(&keys.sep_token, "[SEP]")?,
        pad: special.mark(&keys.pad_token, "[PAD]")?,
        context: keys.context(),
        vocabulary: special.ids.count(),
        added: special.tokens(&model)?,
        model,
    })
}

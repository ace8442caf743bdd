use std::path::Path;

use crate::added_tokens::{AddedTokens, Part};
use crate::byte_pairs::BytePairs;
use crate::tokenizer_files;
use crate::unigram::Unigram;
use crate::word_pieces::WordPieces;
use crate::{TextError, Tokens};

/// The tokenizer of a pretrained encoder: CLIP's byte pairs, T5's SentencePiece or BERT's word pieces.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    pub(crate) model: Model,
    /// Tokens that a prompt is searched for before the model takes it apart.
    pub(crate) added: AddedTokens,
    /// What precedes a prompt's tokens.
    pub(crate) start: Option<u32>,
    /// What follows them.
    pub(crate) end: u32,
    pub(crate) pad: u32,
    pub(crate) context: usize,
    /// How many tokens there are.
    pub(crate) vocabulary: usize,
}

/// How text between added tokens is taken apart.
#[derive(Clone, Debug)]
pub(crate) enum Model {
    BytePairs(BytePairs),
    Unigram(Unigram),
    WordPieces(WordPieces),
}

impl Tokenizer {
    /// Reads a folder in the layout of the reference library: `vocab.json` and `merges.txt` (CLIP), `spiece.model` (T5),
    /// `vocab.txt` (BERT), or what of these `tokenizer.json` holds. Special tokens, padding and context are those of
    /// `tokenizer_config.json` and `special_tokens_map.json`; tokens that were added are those of the former, or of
    /// `added_tokens.json` and `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// If a file is missing or damaged, or it is a tokenizer of another kind.
    pub fn read(folder: &Path) -> Result<Self, TextError> {
        tokenizer_files::read(folder)
    }

    /// The same for sequences of another length.
    #[must_use]
    pub fn with_context(self, context: usize) -> Self {
        Self { context, ..self }
    }

    /// The length of what [`encode`](Self::encode) gives.
    pub fn context(&self) -> usize {
        self.context
    }

    /// All tokens of a prompt with the marks around it: no more, no less.
    pub fn tokens(&self, prompt: &str) -> Vec<u32> {
        let mut tokens = Vec::from_iter(self.start);
        for part in self.added.split(prompt) {
            match part {
                Part::Token(id) => tokens.push(id),
                Part::Text(text) => self.add_tokens(&self.model.normalize(text), &mut tokens),
            }
        }
        tokens.push(self.end);
        tokens
    }

    /// Adds those of normalized text.
    fn add_tokens(&self, text: &str, tokens: &mut Vec<u32>) {
        for part in self.added.split_normalized(text) {
            match part {
                Part::Token(id) => tokens.push(id),
                Part::Text(text) => tokens.extend(self.model.tokens(text)),
            }
        }
    }

    /// A prompt's tokens, cut or padded to the context.
    pub fn encode(&self, prompt: &str) -> Tokens {
        Tokens::fit(self.tokens(prompt), self.context, self.pad)
    }

    /// The same for an encoder that has so many tokens.
    ///
    /// # Errors
    ///
    /// If it has fewer than the tokenizer, T5's sentinels aside: those that it lacks are text like any other.
    pub fn with_vocabulary(self, vocabulary: usize) -> Result<Self, TextError> {
        let lacks = || TextError::Vocabulary { tokens: self.vocabulary, vocabulary };
        if self.vocabulary > vocabulary {
            return Err(lacks());
        }
        let added = self.added.below(vocabulary).map_err(|_| lacks())?;
        Ok(Self { added, ..self })
    }
}

impl Model {
    /// Text as it is before it is taken apart: in small letters, for most.
    pub(crate) fn normalize(&self, text: &str) -> String {
        match self {
            Self::BytePairs(model) => model.normalize(text),
            Self::Unigram(model) => model.normalize(text),
            Self::WordPieces(model) => model.normalize(text),
        }
    }

    /// The tokens of normalized text.
    fn tokens(&self, text: &str) -> Vec<u32> {
        match self {
            Self::BytePairs(model) => model.tokens(text),
            Self::Unigram(model) => model.tokens(text),
            Self::WordPieces(model) => model.tokens(text),
        }
    }
}

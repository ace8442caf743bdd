use std::path::Path;

use crate::byte_pairs::BytePairs;
use crate::tokenizer_files;
use crate::unigram::Unigram;
use crate::word_pieces::WordPieces;
use crate::{TextError, Tokens};

/// The tokenizer of a pretrained encoder: CLIP's byte pairs, T5's SentencePiece or BERT's word pieces.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    pub(crate) model: Model,
    /// Spellings that stand for a token as they are, wherever they are in a prompt.
    pub(crate) marks: Vec<(String, u32)>,
    /// What precedes a prompt's tokens.
    pub(crate) start: Option<u32>,
    /// What follows them.
    pub(crate) end: u32,
    pub(crate) pad: u32,
    pub(crate) context: usize,
    /// How many tokens there are.
    pub(crate) vocabulary: usize,
}

/// How text between marks is taken apart.
#[derive(Clone, Debug)]
pub(crate) enum Model {
    BytePairs(BytePairs),
    Unigram(Unigram),
    WordPieces(WordPieces),
}

impl Tokenizer {
    /// Reads a folder in the layout of the reference library: `vocab.json` and `merges.txt` (CLIP), `spiece.model` (T5),
    /// `vocab.txt` (BERT), or what of these `tokenizer.json` holds. Marks, padding and context are those of
    /// `tokenizer_config.json`.
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
        let mut rest = prompt;
        while let Some((at, mark, id)) = self.next_mark(rest) {
            tokens.extend(self.model.tokens(&rest[..at]));
            tokens.push(id);
            rest = &rest[at + mark.len()..];
        }
        tokens.extend(self.model.tokens(rest));
        tokens.push(self.end);
        tokens
    }

    /// A prompt's tokens, cut or padded to the context.
    pub fn encode(&self, prompt: &str) -> Tokens {
        Tokens::fit(self.tokens(prompt), self.context, self.pad)
    }

    /// Checks that an encoder has every token.
    ///
    /// # Errors
    ///
    /// If it has fewer.
    pub fn check_vocabulary(&self, vocabulary: usize) -> Result<(), TextError> {
        if self.vocabulary <= vocabulary {
            return Ok(());
        }
        Err(TextError::Vocabulary { tokens: self.vocabulary, vocabulary })
    }

    /// The first mark of a text, the longest of those that begin there.
    fn next_mark(&self, text: &str) -> Option<(usize, &str, u32)> {
        let found = self.marks.iter().filter_map(|(mark, id)| Some((text.find(mark)?, mark.as_str(), *id)));
        found.min_by_key(|(at, mark, _)| (*at, usize::MAX - mark.len()))
    }
}

impl Model {
    fn tokens(&self, text: &str) -> Vec<u32> {
        match self {
            Self::BytePairs(model) => model.tokens(text),
            Self::Unigram(model) => model.tokens(text),
            Self::WordPieces(model) => model.tokens(text),
        }
    }
}

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::{TextError, Tokens};

/// A tokenizer of whole words, made of the captions of a data set.
///
/// Words are runs of letters, digits and apostrophes, in lower case; all else separates them. A word that no caption has
/// is the unknown one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct WordTokenizer {
    words: Vec<String>,
    ids: BTreeMap<String, u32>,
    context: usize,
}

/// What is kept on disk.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    context: usize,
    words: Vec<String>,
}

/// Tokens that are no words, before all others.
const PADDING: u32 = 0;
const UNKNOWN: u32 = 1;
const END: u32 = 2;
const MARKS: u32 = 3;

impl WordTokenizer {
    /// Of the `most` words that the captions have most often; of words that are as frequent, the first in the alphabet.
    pub fn of_captions<'a>(captions: impl IntoIterator<Item = &'a str>, most: usize, context: usize) -> Self {
        let mut counts = BTreeMap::<String, usize>::new();
        for word in captions.into_iter().flat_map(words) {
            *counts.entry(word).or_default() += 1;
        }
        let mut words: Vec<(String, usize)> = counts.into_iter().collect();
        words.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        Self::new(words.into_iter().take(most).map(|(word, _)| word).collect(), context)
    }

    fn new(words: Vec<String>, context: usize) -> Self {
        let ids = words.iter().cloned().zip(MARKS..).collect();
        Self { words, ids, context }
    }

    /// How many tokens there are, with those that are no words.
    pub fn vocabulary(&self) -> usize {
        self.words.len() + MARKS as usize
    }

    /// The length of what [`encode`](Self::encode) gives.
    pub fn context(&self) -> usize {
        self.context
    }

    /// A prompt's tokens with an end mark, cut or padded to the context.
    pub fn encode(&self, prompt: &str) -> Tokens {
        let ids = words(prompt).map(|word| self.ids.get(&word).copied().unwrap_or(UNKNOWN));
        Tokens::fit(ids.chain([END]).collect(), self.context, PADDING)
    }

    /// The words of a prompt that no caption had.
    pub fn unknown_words(&self, prompt: &str) -> Vec<String> {
        words(prompt).filter(|word| !self.ids.contains_key(word)).collect()
    }

    /// Reads a tokenizer that [`write`](Self::write) wrote.
    ///
    /// # Errors
    ///
    /// If the file is missing or damaged.
    pub fn read(path: &Path) -> Result<Self, TextError> {
        let text = fs::read_to_string(path).map_err(TextError::io("read", path))?;
        serde_json::from_str(&text).map_err(TextError::damaged(path))
    }

    /// Writes the words as JSON.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn write(&self, to: &mut impl io::Write) -> io::Result<()> {
        to.write_all(&serde_json::to_vec_pretty(self)?)
    }
}

impl From<WordTokenizer> for Stored {
    fn from(tokenizer: WordTokenizer) -> Self {
        Self { context: tokenizer.context, words: tokenizer.words }
    }
}

impl TryFrom<Stored> for WordTokenizer {
    type Error = String;

    fn try_from(Stored { context, words }: Stored) -> Result<Self, String> {
        let (count, tokenizer) = (words.len(), Self::new(words, context));
        if tokenizer.ids.len() < count {
            return Err("a word is there twice".into());
        }
        if context == 0 { Err("context is 0; use at least 1".into()) } else { Ok(tokenizer) }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let separates = |c: char| !c.is_alphanumeric() && c != '\'';
    text.split(separates).map(|word| word.trim_matches('\'').to_lowercase()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> WordTokenizer {
        WordTokenizer::of_captions(["red heart", "Red apple!", "a red cat's eye"], 5, 6)
    }

    #[test]
    fn the_most_frequent_words_come_first_then_the_alphabet() {
        let tokenizer = tokenizer();
        assert_eq!(tokenizer.words, ["red", "a", "apple", "cat's", "eye"]);
        assert_eq!(tokenizer.vocabulary(), 8);
        assert_eq!(tokenizer.encode("An APPLE, red").ids, [1, 5, 3, 2, 0, 0]);
        assert_eq!(tokenizer.unknown_words("An APPLE"), ["an"]);
    }

    #[test]
    fn an_empty_prompt_is_an_end_mark_and_a_long_one_keeps_it() {
        let tokenizer = tokenizer();
        assert_eq!(tokenizer.encode(" ,' "), Tokens { ids: vec![2, 0, 0, 0, 0, 0], length: 1, dropped: 0 });
        let long = tokenizer.encode("red red red red red red red");
        assert_eq!(long, Tokens { ids: vec![3, 3, 3, 3, 3, 2], length: 6, dropped: 2 });
    }

    #[test]
    fn a_tokenizer_reads_back_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.json");
        tokenizer().write(&mut fs::File::create(&path).unwrap()).unwrap();
        assert_eq!(WordTokenizer::read(&path).unwrap(), tokenizer());
        fs::write(&path, r#"{"context": 4, "words": ["a", "a"]}"#).unwrap();
        let error = WordTokenizer::read(&path).unwrap_err().to_string();
        assert!(error.ends_with("words.json: a word is there twice"), "{error}");
    }
}

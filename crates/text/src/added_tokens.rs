use std::collections::HashMap;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;

/// Bytes of the longest token: the search takes a time to build that grows with the square of a token's length.
const LONGEST: usize = 1000;

/// A token that a prompt is searched for before it is taken apart: a special one, or one that was learnt beside the vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AddedToken {
    pub(crate) content: String,
    pub(crate) id: u32,
    /// Whether spaces before it belong to it.
    pub(crate) lstrip: bool,
    /// Whether spaces behind it belong to it.
    pub(crate) rstrip: bool,
    /// Whether it is found only where no letter, digit or underscore stands beside it.
    pub(crate) single_word: bool,
    /// Whether it is searched for in normalized text, as text is: in small letters, for most tokenizers.
    pub(crate) normalized: bool,
}

/// The added tokens of a tokenizer, found as the reference library finds them: first those that are spelt exactly, then the others in
/// what is left; of those that begin at a place, the longest.
#[derive(Clone, Debug)]
pub(crate) struct AddedTokens {
    exact: Matcher,
    normalized: Matcher,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    Token(u32),
}

impl AddedTokens {
    /// `normalize` is what the tokenizer does to text first.
    ///
    /// # Errors
    ///
    /// If a token is empty, as it is or normalized, or longer than any is.
    pub(crate) fn new(tokens: Vec<AddedToken>, normalize: impl Fn(&str) -> String) -> Result<Self, String> {
        if tokens.iter().any(|token| token.content.is_empty()) {
            return Err("a special or added token is empty: give it a spelling, or leave it out".into());
        }
        if tokens.iter().any(|token| token.content.len() > LONGEST) {
            return Err(format!("a special or added token is longer than {LONGEST} bytes"));
        }
        let (normalized, exact): (Vec<_>, Vec<_>) = tokens.into_iter().partition(|token| token.normalized);
        let spelt = normalized.iter().map(|token| normalize(&token.content)).collect::<Vec<_>>();
        if let Some(index) = spelt.iter().position(String::is_empty) {
            return Err(format!(
                "nothing is left of the added token {:?} in normalized text",
                normalized[index].content
            ));
        }
        let contents = exact.iter().map(|token| token.content.clone()).collect();
        Ok(Self { exact: Matcher::new(exact, contents)?, normalized: Matcher::new(normalized, spelt)? })
    }

    /// The same without the tokens from an id on.
    ///
    /// # Errors
    ///
    /// None where the tokens could be searched for before.
    pub(crate) fn below(self, end: usize) -> Result<Self, String> {
        Ok(Self { exact: self.exact.below(end)?, normalized: self.normalized.below(end)? })
    }

    /// The parts of a text before it is normalized.
    pub(crate) fn split<'a>(&self, text: &'a str) -> Vec<Part<'a>> {
        self.exact.split(text)
    }

    /// The parts of normalized text.
    pub(crate) fn split_normalized<'a>(&self, text: &'a str) -> Vec<Part<'a>> {
        self.normalized.split(text)
    }
}

#[derive(Clone, Debug)]
struct Matcher {
    automaton: AhoCorasick,
    tokens: Vec<AddedToken>,
    /// What is searched for of each.
    spelt: Vec<String>,
    /// A letter, digit or the like.
    word: Regex,
}

impl Matcher {
    fn new(tokens: Vec<AddedToken>, spelt: Vec<String>) -> Result<Self, String> {
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&spelt);
        let automaton = automaton.map_err(|error| error.to_string())?;
        let word = Regex::new(r"^\w").map_err(|error| error.to_string())?;
        Ok(Self { automaton, tokens, spelt, word })
    }

    /// The same without the tokens from an id on.
    fn below(self, end: usize) -> Result<Self, String> {
        let kept = self.tokens.into_iter().zip(self.spelt).filter(|(token, _)| (token.id as usize) < end);
        let (tokens, spelt) = kept.unzip();
        Self::new(tokens, spelt)
    }

    fn split<'a>(&self, text: &'a str) -> Vec<Part<'a>> {
        let (mut parts, mut done) = (Vec::new(), 0);
        for found in self.automaton.find_iter(text) {
            let token = &self.tokens[found.pattern().as_usize()];
            let (mut start, mut end) = (found.start(), found.end());
            if token.single_word && self.touches_words(&text[..start], &text[end..]) {
                continue;
            }
            if token.lstrip {
                start = done + text.get(done..start).unwrap_or_default().trim_end().len();
            }
            if token.rstrip {
                end = text.len() - text[end.max(done)..].trim_start().len();
            }
            if start > done {
                parts.push(Part::Text(&text[done..start]));
            }
            // Spaces that a token before it has taken are no token, unless they are one by themselves.
            if start < end {
                parts.push(Part::Token(token.id));
            }
            done = done.max(end);
        }
        if done < text.len() {
            parts.push(Part::Text(&text[done..]));
        }
        parts
    }

    fn touches_words(&self, before: &str, behind: &str) -> bool {
        let last = before.char_indices().next_back().map_or("", |(at, _)| &before[at..]);
        self.word.is_match(last) || self.word.is_match(behind)
    }
}

/// Gives each token its id: that of the vocabulary, the one it was written with, or the next that is free.
#[derive(Debug, Default)]
pub(crate) struct AddedIds {
    ids: HashMap<String, u32>,
    next: u32,
}

impl AddedIds {
    pub(crate) fn new(vocabulary: &HashMap<String, u32>) -> Self {
        let next = vocabulary.values().max().map_or(0, |largest| largest.saturating_add(1));
        Self { ids: vocabulary.clone(), next }
    }

    pub(crate) fn find(&self, content: &str) -> Option<u32> {
        self.ids.get(content).copied()
    }

    pub(crate) fn assign(&mut self, content: &str, written: Option<u32>) -> u32 {
        let id = self.find(content).or(written).unwrap_or(self.next);
        self.next = self.next.max(id.saturating_add(1));
        self.ids.insert(content.to_owned(), id);
        id
    }

    /// How many tokens there are: one more than the largest id.
    pub(crate) fn count(&self) -> usize {
        self.next as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(content: &str, id: u32) -> AddedToken {
        let content = content.to_owned();
        AddedToken { content, id, lstrip: false, rstrip: false, single_word: false, normalized: false }
    }

    fn parts(tokens: Vec<AddedToken>, text: &str) -> Vec<Part<'_>> {
        AddedTokens::new(tokens, str::to_lowercase).unwrap().split(text)
    }

    #[test]
    fn a_token_longer_than_any_is_refused() {
        let made = |length| AddedTokens::new(vec![token(&"a".repeat(length), 0)], str::to_owned);
        assert!(made(LONGEST).is_ok());
        assert!(made(LONGEST + 1).unwrap_err().contains("longer than 1000 bytes"));
    }

    #[test]
    fn the_longest_token_of_a_place_is_found() {
        let tokens = vec![token("<cat>", 1), token("<cat><toy>", 2), token("<toy>", 3)];
        let found = parts(tokens, "a <cat><toy><toy> b<cat>");
        let (text, token) = (Part::Text, Part::Token);
        assert_eq!(found, [text("a "), token(2), token(3), text(" b"), token(1)]);
    }

    #[test]
    fn spaces_belong_to_tokens_that_strip_and_words_are_single() {
        let strips = AddedToken { lstrip: true, rstrip: true, ..token("<m>", 1) };
        assert_eq!(
            parts(vec![strips.clone()], "a  <m> \n b"),
            [Part::Text("a"), Part::Token(1), Part::Text("b")]
        );
        assert_eq!(parts(vec![strips.clone()], " <m>  <m> "), [Part::Token(1), Part::Token(1)]);
        assert_eq!(
            parts(vec![strips.clone(), token(" ", 2)], "<m> x"),
            [Part::Token(1), Part::Token(2), Part::Text("x")]
        );
        let single = AddedToken { single_word: true, ..token("sks", 1) };
        assert_eq!(
            parts(vec![single], "sks asks sks_ sks!"),
            [Part::Token(1), Part::Text(" asks sks_ "), Part::Token(1), Part::Text("!")]
        );
    }

    #[test]
    fn normalized_tokens_are_found_in_normalized_text() {
        let tokens = vec![AddedToken { normalized: true, ..token("<Cat>", 1) }, token("<Dog>", 2)];
        let added = AddedTokens::new(tokens, str::to_lowercase).unwrap();
        assert_eq!(added.split("<dog> <Cat>"), [Part::Text("<dog> <Cat>")]);
        assert_eq!(added.split_normalized("<dog> <cat>"), [Part::Text("<dog> "), Part::Token(1)]);
    }

    #[test]
    fn what_would_match_everywhere_is_refused() {
        assert!(AddedTokens::new(vec![token("", 1)], str::to_owned).unwrap_err().contains("is empty"));
        let vanishing = AddedToken { normalized: true, ..token(" ", 1) };
        let error = AddedTokens::new(vec![vanishing], |text| text.trim().to_owned()).unwrap_err();
        assert!(error.contains("nothing is left of the added token \" \""), "{error}");
    }

    /// A quadratic search of a megabyte would take minutes.
    #[test]
    fn spaces_are_searched_once() {
        let spaces = " ".repeat(1 << 20);
        let strips = AddedToken { lstrip: true, rstrip: true, ..token(" ", 1) };
        assert_eq!(parts(vec![strips], &spaces), [Part::Token(1)]);
        let single = AddedToken { lstrip: true, ..token(" ", 1) };
        assert_eq!(parts(vec![single], &spaces).len(), 1 << 20);
    }
}

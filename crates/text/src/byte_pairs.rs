use std::collections::HashMap;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

/// What splits a prompt into words in CLIP's tokenizer: the endings of English contractions, letters, one digit at a
/// time, everything else but spaces.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+";

/// What the last piece of a word ends in.
const END_OF_WORD: &str = "</w>";

/// CLIP's tokenizer (Radford et al. 2021): pairs of pieces of lower-case words are merged, the most frequent of the
/// training text first (Sennrich et al. 2016, arXiv 1508.07909). Pieces begin as single bytes, so that nothing is unknown.
#[derive(Clone, Debug)]
pub(crate) struct BytePairs {
    vocabulary: HashMap<String, u32>,
    /// When a pair is merged: the lower, the earlier.
    ranks: HashMap<(String, String), usize>,
    unknown: u32,
    words: Regex,
}

impl BytePairs {
    /// `merges` are pairs of pieces, the first to be merged first.
    ///
    /// # Errors
    ///
    /// A merge whose result is no token.
    pub(crate) fn new(
        vocabulary: HashMap<String, u32>,
        merges: Vec<(String, String)>,
        unknown: u32,
    ) -> Result<Self, String> {
        let lacks = |(a, b): &&(String, String)| !vocabulary.contains_key(&format!("{a}{b}"));
        if let Some((a, b)) = merges.iter().find(lacks) {
            return Err(format!("{a} and {b} are merged into what is no token"));
        }
        let ranks = merges.into_iter().enumerate().map(|(rank, pair)| (pair, rank)).collect();
        let words = Regex::new(WORDS).map_err(|error| error.to_string())?;
        Ok(Self { vocabulary, ranks, unknown, words })
    }

    /// The tokens of text without marks.
    pub(crate) fn tokens(&self, text: &str) -> Vec<u32> {
        let text: String = text.nfc().flat_map(char::to_lowercase).collect();
        let pieces = self.words.find_iter(&text).flat_map(|word| self.pieces(word.as_str()));
        pieces.map(|piece| self.vocabulary.get(&piece).copied().unwrap_or(self.unknown)).collect()
    }

    fn pieces(&self, word: &str) -> Vec<String> {
        let mut pieces: Vec<String> = word.bytes().map(|byte| printable(byte).to_string()).collect();
        if let Some(last) = pieces.last_mut() {
            last.push_str(END_OF_WORD);
        }
        while let Some(first) = self.first_merge(&pieces) {
            let second = pieces.remove(first + 1);
            pieces[first].push_str(&second);
        }
        pieces
    }

    /// Where the pair begins that is to be merged next; of equal ones, the first.
    fn first_merge(&self, pieces: &[String]) -> Option<usize> {
        let rank = |at: &usize| self.ranks.get(&(pieces[*at].clone(), pieces[at + 1].clone())).copied();
        let pairs = 0..pieces.len().saturating_sub(1);
        pairs.filter(|at| rank(at).is_some()).min_by_key(|at| rank(at))
    }
}

/// GPT-2's spelling of a byte: itself where it can be seen in Latin-1, otherwise the next character after that table.
fn printable(byte: u8) -> char {
    let visible = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if visible(byte) {
        return char::from(byte);
    }
    let hidden_before = (0..byte).filter(|&other| !visible(other)).count();
    char::from_u32(256 + hidden_before as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(merges: &[(&str, &str)]) -> BytePairs {
        let mut pieces: Vec<String> = (0..=255).map(|byte| printable(byte).to_string()).collect();
        pieces.extend((0..=255).map(|byte| format!("{}</w>", printable(byte))));
        pieces.extend(merges.iter().map(|(a, b)| format!("{a}{b}")));
        let vocabulary = pieces.into_iter().zip(0..).collect();
        let merges = merges.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        BytePairs::new(vocabulary, merges, 0).unwrap()
    }

    /// The table's well-known ends: a space is `Ġ`, a line feed `Ċ`.
    #[test]
    fn every_byte_has_a_spelling_of_its_own() {
        assert_eq!([b' ', b'\n', b'!', 0x7f, 0xad].map(printable), ['Ġ', 'Ċ', '!', 'ġ', 'Ń']);
        let all: std::collections::BTreeSet<char> = (0..=255).map(printable).collect();
        assert_eq!(all.len(), 256);
    }

    #[test]
    fn earlier_merges_go_before_longer_ones() {
        let model = model(&[("b", "c</w>"), ("a", "b"), ("ab", "c</w>")]);
        assert_eq!(model.pieces("abc"), ["a", "bc</w>"]);
        assert_eq!(model.pieces("abab"), ["ab", "a", "b</w>"]);
    }

    #[test]
    fn words_are_split_as_clip_does() {
        let model = model(&[]);
        let words = |text: &'static str| model.words.find_iter(text).map(|w| w.as_str()).collect::<Vec<_>>();
        assert_eq!(words("it's 42 don't!?  naïve"), ["it", "'s", "4", "2", "don", "'t", "!?", "naïve"]);
    }
}

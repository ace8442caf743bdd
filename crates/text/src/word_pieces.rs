use std::collections::HashMap;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

/// What each further piece of a word begins with.
const CONTINUATION: &str = "##";

/// Longer words are unknown.
const LONGEST_WORD: usize = 100;

/// BERT's tokenizer (Devlin et al. 2019, arXiv 1810.04805): words are cut into the longest pieces from their beginning.
#[derive(Clone, Debug)]
pub(crate) struct WordPieces {
    /// Pieces that words begin with.
    first: HashMap<String, u32>,
    /// Those that follow, without the mark of that.
    further: HashMap<String, u32>,
    /// Bytes of the longest.
    longest: usize,
    unknown: u32,
    options: WordPieceOptions,
    accents: Regex,
    words: Regex,
}

/// How a text is prepared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WordPieceOptions {
    pub(crate) lower_case: bool,
    pub(crate) strip_accents: bool,
    pub(crate) split_chinese: bool,
}

impl WordPieces {
    pub(crate) fn new(
        vocabulary: HashMap<String, u32>,
        unknown: u32,
        options: WordPieceOptions,
    ) -> Result<Self, String> {
        let further =
            vocabulary.iter().filter_map(|(piece, &id)| Some((piece.strip_prefix(CONTINUATION)?, id)));
        let further = further.map(|(piece, id)| (piece.to_owned(), id)).collect();
        let longest = vocabulary.keys().map(String::len).max().unwrap_or(0);
        let regex = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self {
            first: vocabulary,
            further,
            longest,
            unknown,
            options,
            accents: regex(r"\p{Mn}")?,
            // ASCII's symbols count as punctuation too.
            words: regex(r"[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+")?,
        })
    }

    /// The tokens of normalized text.
    pub(crate) fn tokens(&self, text: &str) -> Vec<u32> {
        self.words.find_iter(text).flat_map(|word| self.pieces(word.as_str())).collect()
    }

    /// Text without control characters, in small letters and without accents where the options say so.
    pub(crate) fn normalize(&self, text: &str) -> String {
        let hidden = |c: &char| *c == '\0' || *c == char::REPLACEMENT_CHARACTER || is_control(*c);
        let mut clean = String::with_capacity(text.len());
        for c in text.chars().filter(|c| !hidden(c)) {
            if self.options.split_chinese && is_chinese(c) {
                clean.extend([' ', c, ' ']);
            } else {
                clean.push(if c.is_whitespace() { ' ' } else { c });
            }
        }
        if self.options.strip_accents {
            clean = self.accents.replace_all(&clean.nfd().collect::<String>(), "").into_owned();
        }
        if self.options.lower_case { clean.chars().flat_map(char::to_lowercase).collect() } else { clean }
    }

    fn pieces(&self, word: &str) -> Vec<u32> {
        if word.chars().count() > LONGEST_WORD {
            return vec![self.unknown];
        }
        let (mut ids, mut start) = (Vec::new(), 0);
        while start < word.len() {
            let last = word.len().min(start + self.longest);
            let ends = (start + 1..=last).rev().filter(|&end| word.is_char_boundary(end));
            let pieces = if start == 0 { &self.first } else { &self.further };
            let piece = |end: usize| pieces.get(&word[start..end]).map(|&id| (id, end));
            let Some((id, end)) = ends.into_iter().find_map(piece) else { return vec![self.unknown] };
            ids.push(id);
            start = end;
        }
        ids
    }
}

/// Control characters, less those that are spaces.
fn is_control(c: char) -> bool {
    !matches!(c, '\t' | '\n' | '\r') && c.is_control()
}

/// The blocks of ideographs that BERT names.
fn is_chinese(c: char) -> bool {
    matches!(u32::from(c),
        0x4e00..=0x9fff | 0x3400..=0x4dbf | 0x20000..=0x2a6df | 0x2a700..=0x2b73f | 0x2b740..=0x2b81f
        | 0x2b920..=0x2ceaf | 0xf900..=0xfaff | 0x2f800..=0x2fa1f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_from_their_beginning() {
        let words = ["[UNK]", "cat", "cats", "##s", "##nip", "!", "cafe", "京"];
        let vocabulary = words.into_iter().map(str::to_owned).zip(0..).collect();
        let options = WordPieceOptions { lower_case: true, strip_accents: true, split_chinese: true };
        let model = WordPieces::new(vocabulary, 0, options).unwrap();
        let tokens = |text: &str| model.tokens(&model.normalize(text));
        assert_eq!(tokens("Cats catnips!!"), [2, 1, 4, 3, 5, 5]);
        assert_eq!(tokens("CAFÉ\u{0} 北京cat catx"), [6, 0, 7, 1, 0]);
    }
}

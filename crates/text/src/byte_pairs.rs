use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

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
    /// The piece of each byte, within a word and at its end.
    bytes: [Vec<u32>; 2],
    /// What two pieces are merged into, and when: the lower, the earlier.
    merges: HashMap<(u32, u32), Merge>,
    /// The token of each piece.
    tokens: Vec<u32>,
    spaces: Regex,
    words: Regex,
}

#[derive(Clone, Copy, Debug)]
struct Merge {
    rank: u32,
    merged: u32,
}

/// Gives each piece a number.
#[derive(Default)]
struct Pieces(HashMap<String, u32>);

impl Pieces {
    fn number(&mut self, piece: &str) -> u32 {
        let next = self.0.len() as u32;
        self.0.get(piece).copied().unwrap_or_else(|| *self.0.entry(piece.to_owned()).or_insert(next))
    }
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
        let mut pieces = Pieces::default();
        let mut merged = HashMap::new();
        for (rank, (a, b)) in (0..).zip(merges) {
            let both = format!("{a}{b}");
            if !vocabulary.contains_key(&both) {
                return Err(format!("{a} and {b} are merged into what is no token"));
            }
            let pair = (pieces.number(&a), pieces.number(&b));
            merged.insert(pair, Merge { rank, merged: pieces.number(&both) });
        }
        let bytes = ["", END_OF_WORD].map(|ending| {
            (0..=255).map(|byte| pieces.number(&format!("{}{ending}", printable(byte)))).collect()
        });
        let mut tokens = vec![unknown; pieces.0.len()];
        for (piece, number) in &pieces.0 {
            tokens[*number as usize] = vocabulary.get(piece).copied().unwrap_or(unknown);
        }
        let regex = |pattern| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self { bytes, merges: merged, tokens, spaces: regex(r"\s+")?, words: regex(WORDS)? })
    }

    /// Text in composed characters and small letters, with single spaces.
    pub(crate) fn normalize(&self, text: &str) -> String {
        let composed: String = text.nfc().collect();
        self.spaces.replace_all(&composed, " ").chars().flat_map(char::to_lowercase).collect()
    }

    /// The tokens of normalized text.
    pub(crate) fn tokens(&self, text: &str) -> Vec<u32> {
        let pieces = self.words.find_iter(text).flat_map(|word| self.pieces(word.as_str()));
        pieces.map(|piece| self.tokens[piece as usize]).collect()
    }

    /// The pieces of a word: of all pairs, the one that is to be merged first is, and of equal ones the first.
    fn pieces(&self, word: &str) -> Vec<u32> {
        let last = word.len() - 1;
        let piece = |(at, byte)| self.bytes[usize::from(at == last)][usize::from(byte)];
        let mut pieces: Vec<Option<u32>> = word.bytes().enumerate().map(piece).map(Some).collect();
        // Of each piece, where the pieces beside it begin.
        let mut before: Vec<usize> = (0..=last).map(|at| at.wrapping_sub(1)).collect();
        let mut behind: Vec<usize> = (1..=last + 1).collect();
        let mut queue = BinaryHeap::new();
        let offer = |queue: &mut BinaryHeap<_>, pieces: &[Option<u32>], first: usize, second: usize| {
            let pair = pieces.get(first).copied().flatten().zip(pieces.get(second).copied().flatten());
            if let Some((pair, merge)) = pair.and_then(|pair| Some((pair, self.merges.get(&pair)?))) {
                queue.push(Reverse((merge.rank, first, second, pair, merge.merged)));
            }
        };
        for at in 0..last {
            offer(&mut queue, &pieces, at, at + 1);
        }
        while let Some(Reverse((_, first, second, (a, b), merged))) = queue.pop() {
            // One of them has been merged with another since.
            if pieces[first] != Some(a) || pieces[second] != Some(b) {
                continue;
            }
            (pieces[first], pieces[second]) = (Some(merged), None);
            behind[first] = behind[second];
            if let Some(next) = before.get_mut(behind[first]) {
                *next = first;
            }
            offer(&mut queue, &pieces, before[first], first);
            offer(&mut queue, &pieces, first, behind[first]);
        }
        pieces.into_iter().flatten().collect()
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

    fn pieces(merges: &[(&str, &str)]) -> Vec<String> {
        let mut pieces: Vec<String> = (0..=255).map(|byte| printable(byte).to_string()).collect();
        pieces.extend((0..=255).map(|byte| format!("{}</w>", printable(byte))));
        pieces.extend(merges.iter().map(|(a, b)| format!("{a}{b}")));
        pieces
    }

    fn model(merges: &[(&str, &str)]) -> BytePairs {
        let vocabulary = pieces(merges).into_iter().zip(0..).collect();
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
        let merges = [("b", "c</w>"), ("a", "b"), ("ab", "c</w>"), ("ab", "ab")];
        let (model, pieces) = (model(&merges), pieces(&merges));
        let cut = |word: &str| {
            model.tokens(word).into_iter().map(|id| pieces[id as usize].as_str()).collect::<Vec<_>>()
        };
        assert_eq!(cut("abc"), ["a", "bc</w>"]);
        assert_eq!(cut("abab"), ["ab", "a", "b</w>"]);
        assert_eq!(cut("abababx"), ["abab", "ab", "x</w>"]);
    }

    /// Merging pair after pair of the whole word would take hours.
    #[test]
    fn a_word_of_a_megabyte_is_cut_in_time() {
        let model = model(&[("a", "a"), ("aa", "aa")]);
        assert_eq!(model.tokens(&"a".repeat(1 << 20)).len(), (1 << 18) + 2);
    }

    #[test]
    fn words_are_split_as_clip_does() {
        let model = model(&[]);
        let words = |text: &'static str| model.words.find_iter(text).map(|w| w.as_str()).collect::<Vec<_>>();
        assert_eq!(words("it's 42 don't!?  naïve"), ["it", "'s", "4", "2", "don", "'t", "!?", "naïve"]);
    }
}

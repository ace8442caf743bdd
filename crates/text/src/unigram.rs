use std::collections::HashMap;

use crate::replacements::Replacements;
use crate::sentencepiece::{Piece, PieceKind, SentencePiece};

/// What SentencePiece writes for a space.
const SPACE: char = '▁';

/// What a piece that is none costs, below the least probable one.
const UNKNOWN_PENALTY: f64 = 10.0;

/// SentencePiece's unigram model (Kudo 2018, arXiv 1804.10959): a text is cut into the pieces whose probabilities have the
/// largest product.
#[derive(Clone, Debug)]
pub(crate) struct Unigram {
    pieces: Trie,
    replacements: Replacements,
    unknown: u32,
    /// The score of a character that is in no piece.
    unknown_score: f64,
}

/// Pieces by their bytes.
#[derive(Clone, Debug)]
struct Trie {
    /// Where a byte leads from a node.
    edges: HashMap<(u32, u8), u32>,
    /// The piece that ends at a node: its id and score.
    ends: Vec<Option<(u32, f64)>>,
}

impl Trie {
    fn new<'a>(pieces: impl Iterator<Item = (u32, &'a Piece)>) -> Self {
        let mut trie = Self { edges: HashMap::new(), ends: vec![None] };
        for (id, piece) in pieces {
            let mut node = 0;
            for &byte in piece.text.as_bytes() {
                let new = trie.ends.len() as u32;
                node = *trie.edges.entry((node, byte)).or_insert(new);
                if node == new {
                    trie.ends.push(None);
                }
            }
            trie.ends[node as usize] = Some((id, piece.score));
        }
        trie
    }

    /// The pieces that a text begins with, the shortest first: length, id and score.
    fn prefixes<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, u32, f64)> + 'a {
        let step = |node: &mut u32, (index, &byte): (usize, &u8)| {
            *node = *self.edges.get(&(*node, byte))?;
            Some((index + 1, self.ends[*node as usize]))
        };
        let nodes = text.as_bytes().iter().enumerate().scan(0, step);
        nodes.filter_map(|(length, end)| end.map(|(id, score)| (length, id, score)))
    }
}

/// The best way to cut the text up to a place.
#[derive(Clone, Copy)]
struct Best {
    score: f64,
    start: usize,
    id: u32,
}

impl Unigram {
    /// # Errors
    ///
    /// If the model has no piece for the unknown.
    pub(crate) fn new(model: &SentencePiece) -> Result<Self, String> {
        let numbered = || (0..).zip(&model.pieces);
        let unknown = numbered().find(|(_, piece)| piece.kind == PieceKind::Unknown);
        let (unknown, _) = unknown.ok_or("it holds no piece for the unknown")?;
        let text = || numbered().filter(|(_, piece)| piece.kind == PieceKind::Text && !piece.text.is_empty());
        let least = text().map(|(_, piece)| piece.score).fold(f64::INFINITY, f64::min);
        let replacements = Replacements::parse(&model.replacements)?;
        Ok(Self { pieces: Trie::new(text()), replacements, unknown, unknown_score: least - UNKNOWN_PENALTY })
    }

    /// Text with its replacements made.
    pub(crate) fn normalize(&self, text: &str) -> String {
        self.replacements.apply(text)
    }

    /// The tokens of normalized text; unknown ones that follow each other are one.
    pub(crate) fn tokens(&self, text: &str) -> Vec<u32> {
        let mut words = String::with_capacity(text.len());
        for word in text.split_whitespace() {
            words.push(SPACE);
            words.push_str(word);
        }
        let mut tokens = self.cut(&words);
        tokens.dedup_by(|a, b| *a == *b && *a == self.unknown);
        tokens
    }

    /// Viterbi's search over the ends of pieces.
    fn cut(&self, text: &str) -> Vec<u32> {
        let mut best: Vec<Option<Best>> = vec![None; text.len() + 1];
        best[0] = Some(Best { score: 0.0, start: 0, id: self.unknown });
        for (start, c) in text.char_indices() {
            let Some(Best { score, .. }) = best[start] else { continue };
            let mut offer = |end: usize, id: u32, gain: f64| {
                let offered = Best { score: score + gain, start, id };
                if best[end].is_none_or(|old| offered.score > old.score) {
                    best[end] = Some(offered);
                }
            };
            let single = start + c.len_utf8();
            let mut known = false;
            for (length, id, gain) in self.pieces.prefixes(&text[start..]) {
                offer(start + length, id, gain);
                known |= start + length == single;
            }
            if !known {
                offer(single, self.unknown, self.unknown_score);
            }
        }
        let (mut tokens, mut end) = (Vec::new(), text.len());
        while let Some(Best { start, id, .. }) = best[end].filter(|_| end > 0) {
            tokens.push(id);
            end = start;
        }
        tokens.reverse();
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Unigram {
        let piece = |text: &str, score, kind| Piece { text: text.to_owned(), score, kind };
        let mut pieces = vec![piece("<unk>", 0.0, PieceKind::Unknown)];
        let scores = [("▁", -2.0), ("▁a", -2.5), ("a", -3.0), ("b", -3.0), ("ab", -4.0)];
        pieces.extend(scores.map(|(text, score)| piece(text, score, PieceKind::Text)));
        Unigram::new(&SentencePiece { pieces, replacements: Vec::new() }).unwrap()
    }

    fn tokens(text: &str) -> Vec<u32> {
        let model = model();
        model.tokens(&model.normalize(text))
    }

    /// "▁ab": `▁a b` costs 5.5, `▁ ab` 6, `▁ a b` 8.
    #[test]
    fn the_most_probable_cut_is_taken() {
        assert_eq!(tokens("ab"), [2, 4]);
        assert_eq!(tokens("  b \t ab\n"), [1, 4, 2, 4]);
        assert!(tokens(" ").is_empty());
    }

    #[test]
    fn unknown_characters_in_a_row_are_one_token() {
        assert_eq!(tokens("aéüb"), [2, 0, 4]);
        assert_eq!(tokens("北京 é"), [1, 0, 1, 0]);
    }
}

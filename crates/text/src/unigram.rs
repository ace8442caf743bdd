use std::collections::HashMap;

use crate::replacements::Replacements;
use crate::sentencepiece::SentencePiece;

/// What SentencePiece writes for a space.
const SPACE: char = '▁';

/// What a piece that is none costs, below the least probable one.
const UNKNOWN_PENALTY: f64 = 10.0;

/// SentencePiece's unigram model (Kudo 2018, arXiv 1804.10959): a text is cut into the pieces whose probabilities have the
/// largest product.
#[derive(Clone, Debug)]
pub(crate) struct Unigram {
    pieces: HashMap<String, (u32, f64)>,
    replacements: Replacements,
    unknown: u32,
    /// The score of a character that is in no piece.
    unknown_score: f64,
    /// Bytes of the longest piece.
    longest: usize,
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
        let unknown = model.unknown.ok_or("it holds no piece for the unknown")? as u32;
        let text = |id: usize| {
            !model.control.contains(&id) && model.unknown != Some(id) && !model.unused.contains(&id)
        };
        let pieces: HashMap<String, (u32, f64)> = (model.pieces.iter().enumerate())
            .filter(|(id, _)| text(*id))
            .map(|(id, (piece, score))| (piece.clone(), (id as u32, *score)))
            .collect();
        let least = pieces.values().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
        let longest = pieces.keys().map(String::len).max().unwrap_or(0);
        let replacements = Replacements::parse(&model.replacements)?;
        Ok(Self { pieces, replacements, unknown, unknown_score: least - UNKNOWN_PENALTY, longest })
    }

    /// The tokens of text without marks; unknown ones that follow each other are one.
    pub(crate) fn tokens(&self, text: &str) -> Vec<u32> {
        let text = self.replacements.apply(text);
        let words: String =
            text.split_whitespace().flat_map(|word| [SPACE.to_string(), word.into()]).collect();
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
            for end in
                (single..=text.len().min(start + self.longest)).filter(|&end| text.is_char_boundary(end))
            {
                if let Some(&(id, gain)) = self.pieces.get(&text[start..end]) {
                    offer(end, id, gain);
                    known |= end == single;
                }
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
        let piece = |text: &str, score: f64| (text.to_owned(), score);
        let pieces = vec![
            piece("<unk>", 0.0),
            piece("▁", -2.0),
            piece("▁a", -2.5),
            piece("a", -3.0),
            piece("b", -3.0),
            piece("ab", -4.0),
        ];
        Unigram::new(&SentencePiece { pieces, unknown: Some(0), ..SentencePiece::default() }).unwrap()
    }

    /// "▁ab": `▁a b` costs 5.5, `▁ ab` 6, `▁ a b` 8.
    #[test]
    fn the_most_probable_cut_is_taken() {
        assert_eq!(model().tokens("ab"), [2, 4]);
        assert_eq!(model().tokens("  b \t ab\n"), [1, 4, 2, 4]);
        assert!(model().tokens(" ").is_empty());
    }

    #[test]
    fn unknown_characters_in_a_row_are_one_token() {
        assert_eq!(model().tokens("aéüb"), [2, 0, 4]);
        assert_eq!(model().tokens("北京 é"), [1, 0, 1, 0]);
    }
}

//! Words in pictures, in an embedded bitmap of Noto Sans Mono.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use crate::picture::Picture;

const WEIGHT: FontWeight = FontWeight::Regular;
const HEIGHT: RasterHeight = RasterHeight::Size16;
/// Pixels from a letter to the next.
pub(crate) const LETTER: usize = get_raster_width(WEIGHT, HEIGHT);
/// Pixels from a line to the next.
pub(crate) const LINE: usize = 16;
/// Lines of a text at most.
const MAX_LINES: usize = 4;
/// What stands for a letter that the font lacks.
const UNKNOWN: char = '?';

impl Picture {
    /// Writes one line of text, its upper left corner at column `left` and row `top`; what lies outside is left out.
    pub(crate) fn write_line(&mut self, text: &str, left: usize, top: usize, ink: u8) {
        for (place, letter) in text.chars().enumerate() {
            let Some(raster) =
                get_raster(letter, WEIGHT, HEIGHT).or_else(|| get_raster(UNKNOWN, WEIGHT, HEIGHT))
            else {
                continue;
            };
            for (y, row) in raster.rows().enumerate() {
                for (x, &cover) in row.iter().enumerate() {
                    self.blend(left + place * LETTER + x, top + y, ink, cover);
                }
            }
        }
    }
}

/// The lines of a text of at most `letters` letters each, broken between words where these fit; a text that is too long ends
/// in two dots.
pub(crate) fn wrapped(text: &str, letters: usize) -> Vec<String> {
    let letters = letters.max(1);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word: Vec<char> = word.chars().collect();
        for part in word.chunks(letters) {
            let part: String = part.iter().collect();
            let length = part.chars().count();
            match lines.last_mut().filter(|line| line.chars().count() + 1 + length <= letters) {
                Some(line) => *line = format!("{line} {part}"),
                None => lines.push(part),
            }
        }
    }
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES);
        if let Some(line) = lines.last_mut() {
            let kept: String = line.chars().take(letters.saturating_sub(2)).collect();
            *line = format!("{kept}..");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_whole_where_they_fit() {
        assert_eq!(wrapped("grinning face", 9), ["grinning", "face"]);
        assert_eq!(wrapped("a red heart", 11), ["a red heart"]);
        assert_eq!(wrapped("automobile", 4), ["auto", "mobi", "le"]);
        assert_eq!(wrapped("a b c d e f", 1), ["a", "b", "c", ".."]);
        assert!(wrapped(" ", 4).is_empty());
    }

    #[test]
    fn letters_differ_and_stay_inside() {
        let line = |text: &str| {
            let mut picture = Picture::filled(2 * LETTER, LINE, &[0]);
            picture.write_line(text, 0, 0, 255);
            picture
        };
        assert_ne!(line("3"), line("8"));
        assert_eq!(line("\u{4e00}"), line("?"));
        assert_eq!(line("abcdef").bytes()[..], line("ab").bytes()[..]);
    }
}

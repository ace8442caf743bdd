use std::fmt::Write;

use data::Picture;

/// A picture as coloured half blocks, two pixels to a character, for a terminal with 24-bit colour.
pub fn half_blocks(picture: &Picture) -> String {
    let mut text = String::new();
    let colour = |x: usize, y: usize| match picture.at(x, y.min(picture.height() - 1)) {
        [grey] => (*grey, *grey, *grey),
        pixel => (pixel[0], pixel[1], pixel[2]),
    };
    for y in (0..picture.height()).step_by(2) {
        for x in 0..picture.width() {
            let ((r, g, b), (r2, g2, b2)) = (colour(x, y), colour(x, y + 1));
            let _ = write!(text, "\x1b[38;2;{r};{g};{b}m\x1b[48;2;{r2};{g2};{b2}m\u{2580}");
        }
        text.push_str("\x1b[0m\n");
    }
    text
}

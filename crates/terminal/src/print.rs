use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// Prints a line to stdout.
pub fn say(line: impl Display) {
    let _ = stdout().write_all(printable(&format!("{line}\n")).as_bytes());
}

/// Prints a line to stderr: what happens while the results are made.
pub fn note(line: impl Display) {
    let _ = stderr().write_all(printable(&format!("{line}\n")).as_bytes());
}

/// Prints a warning to stderr.
pub fn warn(line: impl Display) {
    note(format_args!("warning: {line}"));
}

/// Prints a picture of coloured characters to stdout, with its escape codes.
pub fn draw(picture: &str) {
    let _ = stdout().write_all(picture.as_bytes());
}

/// The text with its control characters escaped, such as `\u{1b}`, except line ends and tabs; so are the characters that
/// turn the direction of writing.
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if turns || character.is_control() && !matches!(character, '\n' | '\t') {
            printable.extend(character.escape_unicode());
        } else {
            printable.push(character);
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a\x1b[31mb\r\u{9b}\u{202e}"), "a\\u{1b}[31mb\\u{d}\\u{9b}\\u{202e}");
        assert_eq!(printable("grün\n\t\u{1f600}"), "grün\n\t\u{1f600}");
    }
}

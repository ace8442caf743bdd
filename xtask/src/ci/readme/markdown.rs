//! The commands of Markdown files.

/// Programs whose names begin a command.
const PROGRAMS: [&str; 7] = ["cargo", "cd", "pip", "python", "git", "export", "mkdir"];

/// A command, and the line of the file that it begins in, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub line: usize,
    pub text: String,
}

/// The commands in a file's indented and fenced blocks, in order, without comments; a line that ends in `\` goes on.
pub fn commands(markdown: &str) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let (mut fenced, mut goes_on) = (false, false);
    for (index, line) in markdown.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if !fenced && !line.starts_with("    ") {
            goes_on = false;
            continue;
        }
        let text = without_comment(line.trim());
        let program = text.split_whitespace().next().unwrap_or_default();
        match commands.last_mut() {
            Some(command) if goes_on => command.text = format!("{} {text}", command.text),
            _ if PROGRAMS.contains(&program) => commands.push(Command { line: index + 1, text: text.into() }),
            _ => continue,
        }
        let Some(command) = commands.last_mut() else { continue };
        goes_on = command.text.ends_with('\\');
        if goes_on {
            command.text = command.text.trim_end_matches('\\').trim_end().to_owned();
        }
    }
    commands
}

/// A line up to the `#` that stands before a space and after one, outside quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let bytes = line.as_bytes();
    for (i, &byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            (None, b'#') if i > 0 && bytes[i - 1] == b' ' && bytes.get(i + 1) == Some(&b' ') => {
                return line[..i].trim_end();
            }
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_both_kinds_of_blocks() {
        let text = "cargo is a program.\n\n    cargo xtask train        # learn\n    cargo run -p infer -- -n 2 \\\n      \
                    --out 'a # b.png'   # draw\n\n    a table   1   2\n\n```toml\ntype = \"folder\"\n```\n\n```sh\ncargo xtask \
                    test\n```\n";
        let found = commands(text);
        let texts: Vec<&str> = found.iter().map(|command| command.text.as_str()).collect();
        assert_eq!(
            texts,
            ["cargo xtask train", "cargo run -p infer -- -n 2 --out 'a # b.png'", "cargo xtask test"]
        );
        assert_eq!(found[1].line, 4);
    }
}

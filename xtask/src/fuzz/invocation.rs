use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// A program and its arguments, to be run in the folder that holds its hostile files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    pub program: String,
    pub args: Vec<String>,
    /// Whether both outputs lead to a full device.
    pub full: bool,
    /// Whether weights were damaged, so that the program must not succeed.
    pub damaged: bool,
}

impl Invocation {
    /// A program with arguments that are parted by spaces.
    pub fn new(program: &str, args: &str) -> Self {
        let args = args.split_ascii_whitespace().map(str::to_owned).collect();
        Self { program: program.to_owned(), args, full: false, damaged: false }
    }

    /// With arguments more, as they are.
    pub fn and<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// As one would type it.
    pub fn line(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,+:".contains(c);
        let word = |arg: &String| match arg.chars().all(plain) && !arg.is_empty() {
            true => arg.clone(),
            false => format!("{:?}", arg.chars().take(200).collect::<String>()),
        };
        let words = std::iter::once(self.program.clone()).chain(self.args.iter().map(word));
        words.collect::<Vec<_>>().join(" ")
    }

    /// Writes it to a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("failed to write a command as JSON")?;
        fs::write(path, text + "\n").with_context(|| format!("failed to write {}", path.display()))
    }

    /// Reads it back.
    ///
    /// # Errors
    ///
    /// If the file is not there or is none of ours.
    pub fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no kept command", path.display()))
    }
}

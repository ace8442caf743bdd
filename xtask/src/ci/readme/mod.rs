//! The step `readme`: runs the commands of the Markdown files, in order, in one fresh folder.

mod markdown;
mod rules;
mod stand_ins;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use self::rules::{RULES, Shortened, shorten, unused};
use crate::cargo::root;

/// What a clone holds that the commands read.
const COPIED: [&str; 5] =
    ["checkpoints/digits-ddpm", "configs", "datasets/digits", "docs/images", "crates/interop/tests/cases"];

/// What no document has in a form that runs here.
const ALSO: [&str; 2] = ["cargo xtask train --resume --plain --steps 2", "cargo xtask doctor"];

/// Runs the commands of all documents, shortened by the rules. The folder lies in the workspace, so that cargo finds it there,
/// and holds what a clone does, and small stand-ins for what is downloaded.
pub fn check() -> Result<()> {
    let folder = root().join("target").join("readme");
    fresh(&folder)?;
    stand_ins::make(&folder)?;
    let (mut used, mut times) = (BTreeSet::new(), Vec::new());
    for document in documents()? {
        let text = fs::read_to_string(root().join(&document))
            .with_context(|| format!("failed to read {}", document.display()))?;
        for command in markdown::commands(&text) {
            let place = format!("{}:{}", document.display(), command.line);
            match shorten(RULES, &command.text, &mut used) {
                Shortened::Skipped(reason) => {
                    terminal::say(format_args!("-- {place}: not run, {reason}: {}", command.text))
                }
                Shortened::Run(line) => {
                    let started = Instant::now();
                    run(&folder, &line).with_context(|| format!("{place}: `{}` fails", command.text))?;
                    times.push((started.elapsed(), line));
                }
            }
        }
    }
    for line in ALSO {
        run(&folder, line)?;
    }
    let unused = unused(RULES, &used);
    if !unused.is_empty() {
        bail!("no command fits these rules, remove them: {}", unused.join("; "));
    }
    times.sort_by_key(|(time, _)| Reverse(*time));
    terminal::say(format_args!("{} commands; the longest:", times.len()));
    times
        .iter()
        .take(10)
        .for_each(|(time, line)| terminal::say(format_args!("{:>6.1} s  {line}", time.as_secs_f64())));
    fs::remove_dir_all(&folder).context("failed to remove the folder of the readme step")
}

/// A folder with copies of what the commands read.
fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    for name in COPIED {
        copy(&root().join(name), &folder.join(name))
            .with_context(|| format!("failed to copy {name} to {}", folder.display()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The Markdown files with commands: the README, then the others by name.
fn documents() -> Result<Vec<PathBuf>> {
    let mut documents: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "datasets/README.md"].map(PathBuf::from).to_vec();
    for folder in ["docs", "docs/reproduce"] {
        let mut names = Vec::new();
        for entry in fs::read_dir(root().join(folder)).with_context(|| format!("failed to list {folder}"))? {
            names.push(Path::new(folder).join(entry?.file_name()));
        }
        names.retain(|name| name.extension().is_some_and(|kind| kind == "md"));
        names.sort();
        documents.extend(names);
    }
    Ok(documents)
}

/// Runs a line as a shell does.
fn run(folder: &Path, line: &str) -> Result<()> {
    terminal::say(format_args!("$ {line}"));
    let status = Command::new("sh").args(["-c", line]).current_dir(folder).status();
    let status = status.context("failed to start a shell")?;
    if !status.success() {
        bail!("`{line}`: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules that fit nothing are found without running anything.
    #[test]
    fn every_rule_fits_a_command() {
        let mut used = BTreeSet::new();
        for document in documents().unwrap() {
            let text = fs::read_to_string(root().join(document)).unwrap();
            for command in markdown::commands(&text) {
                shorten(RULES, &command.text, &mut used);
            }
        }
        assert_eq!(unused(RULES, &used), Vec::<&str>::new());
    }

    #[test]
    fn the_readme_comes_first_and_has_commands() {
        let documents = documents().unwrap();
        assert_eq!(documents[0], Path::new("README.md"));
        let text = fs::read_to_string(root().join(&documents[0])).unwrap();
        let commands = markdown::commands(&text);
        assert!(commands.len() > 30, "{}", commands.len());
        assert_eq!(commands[0].text, "cargo xtask train");
    }
}

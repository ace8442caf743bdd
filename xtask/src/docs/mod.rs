//! `cargo xtask docs`: pages that are made from the code.

mod configuration;
mod items;
mod prose;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cargo::root;

/// The page of all keys.
const CONFIGURATION: &str = "docs/configuration.md";

/// Write the pages that are made from the code
#[derive(clap::Args)]
pub struct Args {
    /// Which page
    #[arg(value_enum)]
    page: Page,
    /// Write nothing, fail where the page is not what the code makes
    #[arg(long)]
    check: bool,
}

/// A page that is made from the code.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Page {
    /// docs/configuration.md: every key of a configuration
    Configuration,
}

/// Writes or checks a page.
pub fn run(args: &Args) -> Result<ExitCode> {
    let Page::Configuration = args.page;
    let (made, path) = (configuration::page()?, root().join(CONFIGURATION));
    let there = fs::read_to_string(&path).unwrap_or_default();
    if args.check && there != made {
        bail!("{CONFIGURATION} is not what the code makes: run `cargo xtask docs configuration`");
    }
    if there != made {
        fs::write(&path, made).with_context(|| format!("failed to write {CONFIGURATION}"))?;
    }
    terminal::say(format_args!("{CONFIGURATION} is up to date"));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_all_keys_is_what_the_code_makes() {
        let there = fs::read_to_string(root().join(CONFIGURATION)).unwrap_or_default();
        assert!(there == configuration::page().unwrap(), "run `cargo xtask docs configuration`");
    }
}

//! `cargo xtask infer`: `cargo run --package infer` with the features that the backend and the run need.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::backend::Backend;
use crate::cargo::{cargo_run, hand_over};
use crate::train::needs_parquet;

/// Draw images; with no argument, from the model in the repository (`cargo xtask infer --help` lists all options)
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// The arguments of the `infer` program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Starts the `infer` program with the same arguments, `--release` aside.
pub fn run(args: &Args) -> Result<ExitCode> {
    let backend = match option(&args.arguments, "--backend") {
        Some(name) => Backend::from_str(&name, false)
            .map_err(|_| anyhow::anyhow!("unknown backend `{name}`: choose one of {}", Backend::names()))?,
        None => Backend::default(),
    };
    let mut features: Vec<&str> = backend.feature().into_iter().collect();
    if let Some(run) = option(&args.arguments, "--run") {
        let config = PathBuf::from(run).join("config.toml");
        if needs_parquet(&config, &[]).context("failed to see which data set the run uses")? {
            features.push("parquet");
        }
    }
    let release = args.arguments.iter().any(|arg| arg == "--release");
    let mut command = cargo_run("infer", &features, release);
    backend.prepare(&mut command);
    command.arg("--").args(args.arguments.iter().filter(|arg| *arg != "--release"));
    hand_over(command)
}

/// The value of `--name value` or `--name=value`, the last one given.
fn option(arguments: &[OsString], name: &str) -> Option<String> {
    let texts: Vec<_> = arguments.iter().map(|arg| arg.to_string_lossy()).collect();
    let spaced = texts.windows(2).rev().find(|pair| pair[0] == name).map(|pair| pair[1].to_string());
    let joined = texts.iter().rev().find_map(|text| text.strip_prefix(name)?.strip_prefix('='));
    spaced.or_else(|| joined.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_in_both_spellings() {
        let arguments = ["-n", "4", "--backend", "tch", "--run=runs/a"].map(OsString::from);
        assert_eq!(option(&arguments, "--backend").as_deref(), Some("tch"));
        assert_eq!(option(&arguments, "--run").as_deref(), Some("runs/a"));
        assert_eq!(option(&arguments, "--seed"), None);
    }
}

//! `cargo xtask eval`: `cargo run --package eval` with the features that the backend and the run need.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::backend::{Backend, option};
use crate::cargo::{cargo_run, hand_over};
use crate::train::needs_parquet;

/// Judge a run: sample quality, memorisation, likelihood; with no argument, the model in the repository (`cargo xtask eval --help` lists all options)
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// The arguments of the `eval` program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Starts the `eval` program with the same arguments, `--release` aside.
pub fn run(args: &Args) -> Result<ExitCode> {
    let backend = Backend::among(&args.arguments)?;
    let mut features: Vec<&str> = backend.feature().into_iter().collect();
    if let Some(run) = option(&args.arguments, "--run") {
        let config = PathBuf::from(run).join("config.toml");
        if needs_parquet(&config, &[]).context("failed to see which data set the run uses")? {
            features.push("parquet");
        }
    }
    let release = args.arguments.iter().any(|arg| arg == "--release");
    let mut command = cargo_run("eval", &features, release);
    backend.prepare(&mut command);
    command.arg("--").args(args.arguments.iter().filter(|arg| *arg != "--release"));
    hand_over(command)
}

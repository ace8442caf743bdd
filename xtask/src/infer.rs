//! `cargo xtask infer`: `cargo run --package infer` with the features that the backend and the run need.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::backend::{Backend, option};
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
    start("infer", &args.arguments)
}

/// Starts a program that reads a run, with the features that its backend and the run's data need.
pub fn start(program: &str, arguments: &[OsString]) -> Result<ExitCode> {
    let backend = Backend::among(arguments)?;
    let mut features = backend.features().to_vec();
    if let Some(run) = option(arguments, "--run") {
        let config = PathBuf::from(run).join("config.toml");
        if needs_parquet(&config, &[]).context("failed to see which data set the run uses")? {
            features.push("parquet");
        }
    }
    let release = arguments.iter().any(|arg| arg == "--release");
    let mut command = cargo_run(program, &features, release);
    backend.prepare(&mut command);
    command.arg("--").args(arguments.iter().filter(|arg| *arg != "--release"));
    hand_over(command)
}

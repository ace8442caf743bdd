//! `cargo xtask test`: every test of the workspace.

use std::process::ExitCode;

use anyhow::Result;

use crate::cargo::{cargo, hand_over, root};

/// Run the tests, in the profile and with the features of training
#[derive(clap::Args)]
pub struct Args {
    /// Also the tests of optional features: parquet shards and downloads
    #[arg(long)]
    all: bool,
    /// Passed on to `cargo test`, for example `-p schedules` or `-- --nocapture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Starts `cargo test`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut command = cargo();
    command.current_dir(root()).arg("test");
    if !args.arguments.iter().any(|arg| arg == "-p" || arg.starts_with("--package")) {
        command.arg("--workspace");
    }
    if args.all {
        command.args(["--features", "data/parquet,data/fetch,data/emoji,train/parquet,infer/parquet"]);
    }
    command.args(&args.arguments);
    hand_over(command)
}

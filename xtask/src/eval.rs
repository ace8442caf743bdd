//! `cargo xtask eval`: `cargo run --package eval` with the features that the backend and the run need.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::infer::start;

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
    start("eval", &args.arguments)
}

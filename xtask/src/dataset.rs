//! `cargo xtask dataset`: published data sets.

use std::process::ExitCode;

use anyhow::Result;

use crate::cargo::{cargo_run, hand_over};
use crate::train::own_arguments;

/// Download published data sets
#[derive(clap::Args)]
pub struct Args {
    /// `fetch NAME` downloads one and checks it; `--help` lists the names
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

/// Starts the `dataset` program with the same arguments.
pub fn run(_: &Args) -> Result<ExitCode> {
    let mut command = cargo_run("data", &["fetch"], false);
    command.args(["--bin", "dataset", "--"]).args(own_arguments());
    hand_over(command)
}

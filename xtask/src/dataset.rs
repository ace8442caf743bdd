//! `cargo xtask dataset`: data sets that are published, or made here.

use std::process::ExitCode;

use anyhow::Result;

use crate::cargo::{cargo_run, hand_over};
use crate::train::own_arguments;

/// Download published data sets, or make one
#[derive(clap::Args)]
pub struct Args {
    /// `fetch NAME` downloads one and checks it, `make emoji` makes captioned pictures out of a font; `fetch --help` lists
    /// the names
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

/// Starts the `dataset` program with the same arguments.
pub fn run(args: &Args) -> Result<ExitCode> {
    // Whoever downloads does not wait for the font's reader to be compiled.
    let downloads = args.arguments.first().is_some_and(|command| command == "fetch");
    let features: &[&str] = if downloads { &["fetch"] } else { &["fetch", "emoji"] };
    let mut command = cargo_run("data", features, false);
    command.args(["--bin", "dataset", "--"]).args(own_arguments());
    hand_over(command)
}

//! `cargo xtask doctor`: does this machine's adapter compute what the CPU computes?

use std::process::ExitCode;

use anyhow::Result;

use crate::backend::Backend;
use crate::cargo::{cargo_run, hand_over};
use crate::train::own_arguments;

/// Compare a backend's outputs and gradients with flex's on this machine
#[derive(clap::Args)]
pub struct Args {
    /// The backend to check; it is compiled in when needed
    #[arg(long, value_enum, default_value_t)]
    backend: Backend,
    /// Which device of the backend
    #[arg(long, value_name = "N")]
    device: Option<usize>,
}

/// Starts the `doctor` program with the same arguments.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut command = cargo_run("train", args.backend.features(), false);
    args.backend.prepare(&mut command);
    command.args(["--bin", "doctor", "--"]).args(own_arguments());
    hand_over(command)
}

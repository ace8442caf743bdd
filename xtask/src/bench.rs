//! `cargo xtask bench`: step time, sampling time and memory of configs.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::backend::Backend;
use crate::cargo::{cargo_run, hand_over};
use crate::train::own_arguments;

/// Measure step time, sampling time and memory of configs, and print a table
#[derive(clap::Args)]
pub struct Args {
    /// What computes; it is compiled in when needed
    #[arg(long, value_enum, default_value_t)]
    backend: Backend,
    /// Compile with the release profile
    #[arg(long)]
    release: bool,
    /// Configs and options of the `bench` program (`cargo xtask bench -- --help` lists them)
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Starts the `bench` program with the same arguments.
pub fn run(args: &Args) -> Result<ExitCode> {
    let features: Vec<&str> = args.backend.feature().into_iter().collect();
    let mut command = cargo_run("train", &features, args.release);
    args.backend.prepare(&mut command);
    command.args(["--bin", "bench", "--"]);
    command.args(own_arguments().filter(|arg| arg != "--release" && arg != "--"));
    hand_over(command)
}

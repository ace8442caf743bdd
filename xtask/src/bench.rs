//! `cargo xtask bench`: step time, sampling time and memory of configs; `bench solvers`: accuracy of every solver.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::backend::Backend;
use crate::cargo::{cargo_run, hand_over, root};

/// Measure step time, sampling time and memory of configs, or with `solvers` their accuracy (`cargo xtask bench --help` lists the options)
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// The arguments of the `bench` program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Starts the `bench` program with the same arguments, `--release` aside; or the example that writes docs/solvers.md.
pub fn run(args: &Args) -> Result<ExitCode> {
    if args.arguments.first().is_some_and(|first| first == "solvers") {
        let mut command = cargo_run("diffusion", &[], false);
        command.args(["--example", "solvers"]).current_dir(root());
        return hand_over(command);
    }
    let backend = Backend::among(&args.arguments)?;
    let release = args.arguments.iter().any(|arg| arg == "--release");
    let mut command = cargo_run("train", backend.features(), release);
    backend.prepare(&mut command);
    command.args(["--bin", "bench", "--"]).args(args.arguments.iter().filter(|arg| *arg != "--release"));
    hand_over(command)
}

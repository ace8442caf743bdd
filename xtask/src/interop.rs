//! `cargo xtask conformance` and `cargo xtask export`: the programs of the crate `interop`.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::backend::Backend;
use crate::cargo::{cargo_run, hand_over};

/// Run recorded cases of the reference library below a folder (`cargo xtask conformance --help` lists the options)
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Conformance {
    /// The arguments of the `conformance` program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Write a run as a folder that the diffusers library loads (`cargo xtask export --help` lists the options)
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Export {
    /// The arguments of the `export` program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Starts the `conformance` program with the same arguments.
pub fn conformance(args: &Conformance) -> Result<ExitCode> {
    start("conformance", &args.arguments)
}

/// Starts the `export` program with the same arguments.
pub fn export(args: &Export) -> Result<ExitCode> {
    start("export", &args.arguments)
}

fn start(program: &str, arguments: &[OsString]) -> Result<ExitCode> {
    let backend = Backend::among(arguments)?;
    let release = arguments.iter().any(|arg| arg == "--release");
    let mut command = cargo_run("interop", backend.features(), release);
    backend.prepare(&mut command);
    command.args(["--bin", program, "--"]).args(arguments.iter().filter(|arg| *arg != "--release"));
    hand_over(command)
}

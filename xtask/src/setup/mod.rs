//! `cargo xtask setup`: what a backend needs beside Rust.

mod tch;
mod wgpu;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

/// Install what a backend needs beside Rust, or print the commands that do
#[derive(clap::Args)]
pub struct Args {
    /// The backend
    #[arg(value_enum)]
    backend: Prepared,
    /// Print the commands instead of running them
    #[arg(long)]
    print: bool,
}

/// Backends that need something which a script can bring.
#[derive(Clone, Copy, ValueEnum)]
enum Prepared {
    /// libtorch 2.9.0 for CPUs, from PyPI (1.8 GB), into target/libtorch
    Tch,
    /// Mesa's software Vulkan driver, with apt-get, where no driver is installed
    Wgpu,
}

/// Runs or prints the steps.
pub fn run(args: &Args) -> Result<ExitCode> {
    match args.backend {
        Prepared::Tch => tch::setup(args.print)?,
        Prepared::Wgpu => wgpu::setup(args.print)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One step of a recipe: a command of the shell, printed before it runs.
fn perform(step: &str, folder: &Path, print: bool) -> Result<()> {
    terminal::say(step);
    if print {
        return Ok(());
    }
    let status = Command::new("sh")
        .args(["-ec", step])
        .current_dir(folder)
        .status()
        .with_context(|| format!("failed to start `{step}`"))?;
    if !status.success() {
        bail!("failed to run `{step}`: {status}");
    }
    Ok(())
}

//! `cargo xtask doctor --backend X`: whether a device computes what flex computes.

use std::process::ExitCode;

use anyhow::Result;
use backend::BackendName;
use clap::Parser;

/// Compare a device with the reference backend: outputs and gradients of small networks.
#[derive(Parser)]
struct Args {
    /// Backend: flex, ndarray, cpu, wgpu, vulkan, metal, cuda, rocm or tch.
    #[arg(long, default_value = "flex")]
    backend: BackendName,
    /// Which device of the backend.
    #[arg(long, default_value_t = 0, value_name = "N")]
    device: usize,
}

fn main() -> ExitCode {
    terminal::run(|args: Args| kernels::inside_pool(|| run(&args)))
}

fn run(args: &Args) -> Result<ExitCode> {
    let device = backend::open(args.backend, args.device)?;
    terminal::say(format_args!("{}, compared with flex", backend::describe(args.backend, &device)));
    if let Some(warning) = args.backend.warning() {
        terminal::warn(warning);
    }
    let checks = train::compare_with_flex(&device)?;
    for check in &checks {
        let verdict = if check.passes() { "ok" } else { "WRONG" };
        terminal::say(format_args!(
            "{verdict:5}  {:.1e} of at most {:.0e}  {}",
            check.error, check.tolerance, check.name
        ));
    }
    let healthy = checks.iter().all(train::Check::passes);
    terminal::say(format_args!(
        "{}",
        if healthy {
            "this device can be trusted"
        } else {
            "do not train on this device: update its driver, or use another backend"
        }
    ));
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! `cargo xtask conformance DIR`: runs recorded cases of the reference library.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use backend::BackendName;
use clap::Parser;
use interop::conformance::find_cases;

/// Run every recorded case below a folder against this implementation.
#[derive(Parser)]
#[command(name = "conformance", version)]
struct Args {
    /// The folder, searched for folders with a case.json.
    folder: PathBuf,
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
    let cases = find_cases(&args.folder)?;
    if cases.is_empty() {
        bail!("no case.json below {}: name a folder of recorded cases", args.folder.display());
    }
    let device = backend::open(args.backend, args.device)?;
    let (mut passed, mut skipped) = (0, 0);
    for case in &cases {
        let report = case.run(&device);
        terminal::say(&report);
        passed += usize::from(report.passed());
        skipped += usize::from(report.skipped());
    }
    let failed = cases.len() - passed - skipped;
    terminal::say(format_args!("{passed} passed, {failed} failed, {skipped} skipped"));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

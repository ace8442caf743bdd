//! `cargo xtask conformance DIR`: runs recorded cases of the reference library.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use interop::conformance::find_cases;

/// Run every recorded case below a folder against this implementation.
#[derive(Parser)]
#[command(name = "conformance", version)]
struct Args {
    /// The folder, searched for folders with a case.json.
    folder: PathBuf,
}

fn main() -> ExitCode {
    run(&Args::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(args: &Args) -> Result<ExitCode> {
    let cases = find_cases(&args.folder)?;
    if cases.is_empty() {
        bail!("no case.json below {}: name a folder of recorded cases", args.folder.display());
    }
    let device = burn::tensor::Device::flex();
    let (mut passed, mut skipped) = (0, 0);
    for case in &cases {
        let report = case.run(&device);
        println!("{report}");
        passed += usize::from(report.passed());
        skipped += usize::from(report.skipped());
    }
    let failed = cases.len() - passed - skipped;
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! `cargo run -p eval`: judges a trained run.

use std::process::ExitCode;

use clap::Parser;
use train::{RunDir, SystemName};

fn main() -> ExitCode {
    let args = eval::Args::parse();
    let judge = || match SystemName::of(&RunDir::new(&args.run).config()) {
        _ if args.sweep.is_some() => eval::sweep(&args),
        Ok(SystemName::Autoencoder) => eval::reconstructions(&args),
        _ => eval::evaluate(&args),
    };
    match kernels::inside_pool(judge) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

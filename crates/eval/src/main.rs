//! `cargo run -p eval`: judges a trained run.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match eval::evaluate(&eval::Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! `cargo run -p eval`: judges a trained run.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = eval::Args::parse();
    let judged = if args.sweep.is_some() { eval::sweep(&args) } else { eval::evaluate(&args) };
    match judged {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

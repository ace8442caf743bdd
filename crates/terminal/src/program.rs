use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::print::note;

/// A program's `main`: parses the command line, does the work, and prints why it failed.
pub fn run<A: Parser>(work: impl FnOnce(A) -> Result<ExitCode>) -> ExitCode {
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() => {
            note(error.to_string().trim_end());
            return ExitCode::from(2);
        }
        // Help and version.
        Err(error) => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    work(args).unwrap_or_else(|error| {
        note(format_args!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

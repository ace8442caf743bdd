//! The project's commands. Builds in seconds, because it does not depend on Burn: it checks its arguments, then starts
//! cargo with the features they need.

mod backend;
mod bench;
mod cargo;
mod ci;
mod dataset;
mod docs;
mod doctor;
mod eval;
mod fuzz;
mod infer;
mod interop;
mod reproduce;
mod setup;
mod test;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Train, sample, test: `cargo xtask COMMAND`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, propagate_version = false)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(Box<train::Args>),
    Infer(infer::Args),
    Eval(eval::Args),
    Test(test::Args),
    Fuzz(fuzz::Args),
    Bench(bench::Args),
    Reproduce(reproduce::Args),
    Doctor(doctor::Args),
    Dataset(dataset::Args),
    Conformance(interop::Conformance),
    Export(interop::Export),
    Docs(docs::Args),
    Setup(setup::Args),
    Ci(ci::Args),
}

fn main() -> ExitCode {
    terminal::run(|cli: Cli| match cli.command {
        Command::Train(args) => train::run(&args),
        Command::Infer(args) => infer::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Dataset(args) => dataset::run(&args),
        Command::Conformance(args) => interop::conformance(&args),
        Command::Export(args) => interop::export(&args),
        Command::Docs(args) => docs::run(&args),
        Command::Setup(args) => setup::run(&args),
        Command::Ci(args) => ci::run(&args),
    })
}

//! `cargo run -p eval`: judges a trained run.

use std::process::ExitCode;

use train::{RunDir, SystemName};

fn main() -> ExitCode {
    terminal::run(|args: eval::Args| kernels::inside_pool(|| run(&args)).map(|()| ExitCode::SUCCESS))
}

fn run(args: &eval::Args) -> anyhow::Result<()> {
    match SystemName::of(&RunDir::named(&args.run)?.config()) {
        _ if args.sweep.is_some() => eval::sweep(args),
        Ok(SystemName::Autoencoder) => eval::reconstructions(args),
        _ => eval::evaluate(args),
    }
}

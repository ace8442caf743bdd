use anyhow::Result;

use super::{Step, backends, deny, features, finish, readme};
use crate::cargo::{cargo, root};

/// The steps, cheapest first.
pub const STEPS: &[Step] = &[
    Step { name: "format", what: "rustfmt changes nothing", run: || cargo_do("fmt --all --check") },
    Step { name: "features", what: "Burn is compiled once, whatever is built", run: features::check },
    Step { name: "deny", what: "licences, duplicate crates, sources, advisories", run: deny::check },
    Step { name: "clippy", what: "no warning, in tests and optional features too", run: clippy },
    Step { name: "docs", what: "rustdoc has no warning", run: docs },
    Step { name: "test", what: "every test, as `cargo xtask test`", run: || cargo_do("test --workspace") },
    Step {
        name: "readme",
        what: "every command of README and docs, in order, a few steps each",
        run: readme::check,
    },
    Step { name: "fuzz", what: "two minutes of hostile files and command lines", run: || xtask("fuzz") },
    Step { name: "parquet", what: "tests of parquet shards and downloads", run: || cargo_do(PARQUET_TESTS) },
    Step {
        name: "backends",
        what: "libtorch and wgpu train and sample, libtorch agrees with flex",
        run: backends::check,
    },
    Step { name: "gpus", what: "the other backends type-check", run: gpus },
];

const PARQUET_TESTS: &str = "test -p data --features data/parquet,data/fetch,data/emoji";

pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_ascii_whitespace()
}

fn cargo_do(line: &str) -> Result<()> {
    finish(cargo().current_dir(root()).args(words(line)))
}

pub(super) fn xtask(line: &str) -> Result<()> {
    cargo_do(&format!("xtask {line}"))
}

fn clippy() -> Result<()> {
    cargo_do("clippy --workspace --all-targets -- -D warnings")?;
    cargo_do(
        "clippy --workspace --all-targets --features data/parquet,data/fetch,data/emoji,train/parquet -- -D warnings",
    )
}

fn docs() -> Result<()> {
    finish(
        cargo()
            .current_dir(root())
            .args(words("doc --workspace --no-deps"))
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Type-checks them alone: without `DOCS_RS`, the builds of cpu, cuda and rocm download their LLVM.
fn gpus() -> Result<()> {
    let line = "check -p backend --features cpu,cuda,rocm,metal,vulkan";
    finish(cargo().current_dir(root()).args(words(line)).env("DOCS_RS", "1"))
}

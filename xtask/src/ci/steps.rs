use std::fs;

use anyhow::{Context, Result, bail};

use super::fresh_run::FreshRun;
use super::{Step, backends, deny, features, finish};
use crate::cargo::{cargo, root};

/// The steps, cheapest first.
pub const STEPS: &[Step] = &[
    Step { name: "format", what: "rustfmt changes nothing", run: || cargo_do("fmt --all --check") },
    Step { name: "features", what: "Burn is compiled once, whatever is built", run: features::check },
    Step { name: "deny", what: "licences, duplicate crates, sources, advisories", run: deny::check },
    Step { name: "clippy", what: "no warning, in tests and optional features too", run: clippy },
    Step { name: "docs", what: "rustdoc has no warning", run: docs },
    Step { name: "test", what: "every test, as `cargo xtask test`", run: || cargo_do("test --workspace") },
    Step { name: "readme", what: "the README's commands, a few steps each", run: readme },
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

/// Both of the newcomer's commands, resuming, and sampling from the new run.
fn readme() -> Result<()> {
    let run = FreshRun::new("ci-readme")?;
    xtask(
        "train --run ci-readme --steps 6 --plain --set train.checkpoint_every=3 --set train.sample_images=4",
    )?;
    xtask(
        "train --run ci-readme --resume --steps 6 --plain --set train.checkpoint_every=3 --set train.sample_images=4",
    )?;
    let out = run.folder.join("out");
    fs::create_dir_all(&out).with_context(|| format!("failed to create {}", out.display()))?;
    for (arguments, second) in INFER {
        let mut command = cargo();
        command.current_dir(root()).args(words("run -p infer --")).args(words(arguments));
        if let Some((flag, name)) = second {
            command.arg(flag).arg(out.join(name));
        }
        finish(command.arg("--out").arg(out.join("grid.png")))?;
        for name in ["grid.png"].into_iter().chain(second.map(|(_, name)| name)) {
            if !out.join(name).exists() {
                bail!("`infer {arguments}` wrote no {name}");
            }
        }
        fs::remove_file(out.join("grid.png")).context("failed to remove the picture")?;
    }
    xtask("export --run runs/ci-readme runs/ci-readme/exported")?;
    cargo_do(
        "run -p infer -- --model runs/ci-readme/exported -n 4 --label 7 --steps 4 --out runs/ci-readme/grid.png",
    )?;
    xtask("eval --run runs/ci-readme --metrics memorisation --samples 16 --steps 2 --seeds 1")?;
    systems()?;
    xtask("conformance crates/interop/tests/cases")?;
    xtask("doctor")?;
    xtask("bench --repetitions 1")
}

/// Every other kind of model: trained for two steps, and drawn from.
fn systems() -> Result<()> {
    let _runs = SYSTEMS.iter().map(|(name, ..)| FreshRun::new(name)).collect::<Result<Vec<_>>>()?;
    for (name, train, infer) in SYSTEMS {
        xtask(&format!("train {train} --run {name} --plain"))?;
        if let Some(infer) = infer {
            cargo_do(&format!("run -p infer -- --run runs/{name} -n 4 --out runs/{name}/grid.png {infer}"))?;
        }
    }
    Ok(())
}

/// A run's name, what it is trained from, and how it is drawn from; a first stage is not.
const SYSTEMS: [(&str, &str, Option<&str>); 5] = [
    ("ci-dpm", "configs/swiss-roll-dpm.toml --steps 2", Some("")),
    (
        "ci-points",
        "configs/swiss-roll-ddpm.toml --steps 2 --set train.eval_images=16 --set train.sample_images=40",
        Some("--sampler dpmsolver++ --steps 4"),
    ),
    (
        "ci-cdm",
        "configs/digits-cdm.toml --set stage.1.train.steps=2 --set stage.2.train.steps=2",
        Some("--steps 2 --stages"),
    ),
    ("ci-ae", "configs/digits-ae-kl.toml --steps 2", None),
    (
        "ci-ldm",
        "configs/digits-ldm.toml --steps 2 --set first_stage.run=runs/ci-ae --set train.sample_images=4",
        Some("--steps 2 --label 7"),
    ),
];

/// The README's ways to draw, with another result to look for where there is one.
const INFER: [(&str, Option<(&str, &str)>); 7] = [
    ("", None),
    ("-n 40 --labels 0..9 --guidance-scale 2", Some(("--animate", "denoising.png"))),
    ("--run runs/ci-readme -n 4 --label 7 --steps 4", None),
    ("--sampler ddim --steps 20 --seed 3", None),
    ("--sampler ddim --interpolate 3,8 --label 5 --show", None),
    ("-n 20 --batch 10 --steps 4", Some(("--separate", "images"))),
    ("--forward 12", None),
];

/// Type-checks them alone: without `DOCS_RS`, the builds of cpu, cuda and rocm download their LLVM.
fn gpus() -> Result<()> {
    let line = "check -p backend --features cpu,cuda,rocm,metal,vulkan";
    finish(cargo().current_dir(root()).args(words(line)).env("DOCS_RS", "1"))
}

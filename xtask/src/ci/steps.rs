use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Step, features, finish};
use crate::backend::use_libtorch;
use crate::cargo::{cargo, root, target};

/// The steps, cheapest first.
pub const STEPS: &[Step] = &[
    Step { name: "format", what: "rustfmt changes nothing", run: || cargo_do("fmt --all --check") },
    Step { name: "features", what: "Burn is compiled once, whatever is built", run: features::check },
    Step { name: "deny", what: "licences, duplicate crates, sources", run: deny },
    Step { name: "clippy", what: "no warning, in tests and optional features too", run: clippy },
    Step { name: "docs", what: "rustdoc has no warning", run: docs },
    Step { name: "test", what: "every test, as `cargo xtask test`", run: || cargo_do("test --workspace") },
    Step { name: "readme", what: "the README's commands, a few steps each", run: readme },
    Step { name: "parquet", what: "tests of parquet shards and downloads", run: || cargo_do(PARQUET_TESTS) },
    Step {
        name: "tch",
        what: "ndarray and libtorch train, sample and agree with flex",
        run: ndarray_and_tch,
    },
    Step { name: "wgpu", what: "wgpu on a software adapter trains, samples and agrees with flex", run: wgpu },
    Step { name: "gpus", what: "the other backends type-check", run: gpus },
];

const PARQUET_TESTS: &str = "test -p data -p train --features data/parquet,data/fetch,train/parquet";

/// As few kernels as the whole program has: each new shape of one costs an adapter seconds.
const TINY: &str = "--set model.channels=8 --set model.num_res_blocks=1 --set train.batch_size=4 \
                    --set train.eval_images=8 --set train.sample_images=4 --set sample.steps=4 --plain";

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_ascii_whitespace()
}

fn cargo_do(line: &str) -> Result<()> {
    finish(cargo().current_dir(root()).args(words(line)))
}

fn xtask(line: &str) -> Result<()> {
    cargo_do(&format!("xtask {line}"))
}

fn clippy() -> Result<()> {
    cargo_do("clippy --workspace --all-targets -- -D warnings")?;
    cargo_do(
        "clippy --workspace --all-targets --features data/parquet,data/fetch,train/parquet -- -D warnings",
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

/// cargo-deny is built once, unoptimised: it runs for a second and an optimised build takes minutes longer.
fn deny() -> Result<()> {
    let tools = target().join("tools");
    let installed = tools.join("bin").join("cargo-deny");
    if !installed.exists() {
        let mut install = cargo();
        install
            .args(words("install --locked --debug --no-default-features --quiet cargo-deny --version 0.20.2"))
            .arg("--root");
        finish(
            install
                .arg(&tools)
                .env("CARGO_TARGET_DIR", tools.join("build"))
                .env("CARGO_PROFILE_DEV_DEBUG", "0"),
        )?;
        fs::remove_dir_all(tools.join("build")).context("failed to remove the build of cargo-deny")?;
    }
    // Advisories are left out: they come over the network, and change without a change here.
    finish(
        Command::new(installed)
            .current_dir(root())
            .args(words("--log-level error check bans licenses sources")),
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
    for arguments in ["-n 4 --steps 4", "--run runs/ci-readme -n 4 --steps 4 --seed 1", "--forward 0"] {
        let mut command = cargo();
        command.current_dir(root()).args(words("run -p infer --")).args(words(arguments));
        finish(command.arg("--out").arg(out.join("grid.png")))?;
        fs::remove_file(out.join("grid.png"))
            .with_context(|| format!("`infer {arguments}` wrote no image"))?;
    }
    Ok(())
}

/// One build for both: they share everything but themselves.
fn ndarray_and_tch() -> Result<()> {
    xtask("setup tch")?;
    let libtorch = target().join("libtorch");
    let with = |command: &mut Command| use_libtorch(command, &libtorch);
    for backend in ["ndarray", "tch"] {
        train_and_infer(backend, "ndarray,tch", 2, &with)?;
    }
    doctor("tch", "ndarray,tch", &with)
}

fn wgpu() -> Result<()> {
    xtask("setup wgpu")?;
    let with = |command: &mut Command| {
        if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
            command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
        }
    };
    train_and_infer("wgpu", "wgpu", 2, &with)?;
    doctor("wgpu", "wgpu", &with)
}

fn train_and_infer(backend: &str, features: &str, steps: usize, with: &dyn Fn(&mut Command)) -> Result<()> {
    let name = format!("ci-{backend}");
    let run = FreshRun::new(&name)?;
    let build = format!("run --features {features} -p");
    let train = format!("{build} train -- --backend {backend} --run {name} --steps {steps} {TINY}");
    let infer = format!("{build} infer -- --backend {backend} --run runs/{name} -n 2 --steps 2 --out");
    run_with(&train, None, backend, with)?;
    let image = run.folder.join("grid.png");
    run_with(&infer, Some(image.as_os_str()), backend, with)?;
    if !image.exists() {
        bail!("`infer --backend {backend}` wrote no image");
    }
    Ok(())
}

fn doctor(backend: &str, features: &str, with: &dyn Fn(&mut Command)) -> Result<()> {
    run_with(
        &format!("run -p train --features {features} --bin doctor -- --backend {backend}"),
        None,
        backend,
        with,
    )
}

fn run_with(line: &str, last: Option<&OsStr>, backend: &str, with: &dyn Fn(&mut Command)) -> Result<()> {
    let mut command = cargo();
    command.current_dir(root()).args(words(line)).args(last).env("BURN_DEVICE", backend);
    with(&mut command);
    finish(&mut command)
}

/// Type-checks them alone: without `DOCS_RS`, the builds of cpu, cuda and rocm download their LLVM.
fn gpus() -> Result<()> {
    let line = "check -p backend --features cpu,cuda,rocm,metal,vulkan";
    finish(cargo().current_dir(root()).args(words(line)).env("DOCS_RS", "1"))
}

/// A folder in `runs/` that is absent before and after.
struct FreshRun {
    folder: PathBuf,
}

impl FreshRun {
    fn new(name: &str) -> Result<Self> {
        let folder = root().join("runs").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("failed to remove {}", folder.display()))?;
        }
        Ok(Self { folder })
    }
}

impl Drop for FreshRun {
    fn drop(&mut self) {
        // What stays behind is ignored by git, and the next run of this step starts by removing it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

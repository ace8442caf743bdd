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
        name: "backends",
        what: "libtorch and wgpu train and sample, libtorch agrees with flex",
        run: backends,
    },
    Step { name: "gpus", what: "the other backends type-check", run: gpus },
];

const PARQUET_TESTS: &str = "test -p data -p train --features data/parquet,data/fetch,train/parquet";

const OTHERS: &str = "--features tch,wgpu";

/// As few kernels as a program can have: each new shape of one costs a software adapter seconds.
const TINY: &str = "--set model.channels=8 --set model.channel_mult=[1] --set model.attention_resolutions=[] \
                    --set train.batch_size=2 --set train.eval_images=2 --set train.sample_images=2 \
                    --set sample.steps=1 --plain";

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

/// What only tch and wgpu compile and what takes long: not optimised here, where it runs for a few steps and is compiled for
/// minutes. Those who train with it get the profile's own levels.
const UNOPTIMISED: [&str; 24] = [
    "burn-cubecl",
    "burn-cubecl-fusion",
    "burn-fusion",
    "burn-tch",
    "burn-wgpu",
    "cubecl-core",
    "cubecl-ir",
    "cubecl-opt",
    "cubecl-runtime",
    "cubecl-std",
    "cubecl-wgpu",
    "cubek-attention",
    "cubek-convolution",
    "cubek-matmul",
    "cubek-pool",
    "cubek-quant",
    "cubek-reduce",
    "cubek-std",
    "cubek-tile",
    "naga",
    "pliron",
    "tch",
    "wgpu-core",
    "wgpu-hal",
];

/// One build for both: they share everything but themselves. burn-ndarray, deprecated and minutes to compile, is left out.
fn backends() -> Result<()> {
    xtask("setup tch")?;
    xtask("setup wgpu")?;
    for backend in ["tch", "wgpu"] {
        train_and_infer(backend)?;
    }
    run_with(&format!("run -p train {OTHERS} --bin doctor -- --backend tch"), None, "tch")
}

fn train_and_infer(backend: &str) -> Result<()> {
    let name = format!("ci-{backend}");
    let run = FreshRun::new(&name)?;
    let train = format!("run -p train {OTHERS} -- --backend {backend} --run {name} --steps 1 {TINY}");
    let infer =
        format!("run -p infer {OTHERS} -- --backend {backend} --run runs/{name} -n 2 --steps 1 --out");
    run_with(&train, None, backend)?;
    let image = run.folder.join("grid.png");
    run_with(&infer, Some(image.as_os_str()), backend)?;
    if !image.exists() {
        bail!("`infer --backend {backend}` wrote no image");
    }
    Ok(())
}

fn run_with(line: &str, last: Option<&OsStr>, backend: &str) -> Result<()> {
    let mut command = cargo();
    for package in UNOPTIMISED {
        command.arg("--config").arg(format!("profile.dev.package.{package}.opt-level=0"));
    }
    command.current_dir(root()).args(words(line)).args(last).env("BURN_DEVICE", backend);
    use_libtorch(&mut command, &target().join("libtorch"));
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
    }
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

//! The backends that run without a GPU: libtorch on the CPU, wgpu on a software adapter.

use std::ffi::OsStr;

use anyhow::{Result, bail};

use super::finish;
use super::fresh_run::FreshRun;
use super::steps::{words, xtask};
use crate::backend::use_libtorch;
use crate::cargo::{cargo, root, target};

const OTHERS: &str = "--features tch,wgpu";

/// As few kernels as a program can have: each new shape of one costs a software adapter seconds.
const TINY: &str = "--set model.channels=8 --set model.channel_mult=[1] --set model.attention_resolutions=[] \
                    --set train.batch_size=2 --set train.eval_images=2 --set train.sample_images=2 \
                    --set sample.steps=1 --plain";

/// What takes long to compile, and is compiled here for these features alone: not optimised, as it runs for a few steps. Those who
/// train with it get the profile's own levels.
const UNOPTIMISED: [&str; 34] = [
    "ash",
    "burn-cubecl",
    "burn-cubecl-fusion",
    "burn-flex",
    "burn-fusion",
    "burn-std",
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
    "cubek-interpolate",
    "cubek-matmul",
    "cubek-pool",
    "cubek-quant",
    "cubek-reduce",
    "cubek-std",
    "cubek-tile",
    "data",
    "dpm",
    "image",
    "kernels",
    "layout",
    "naga",
    "pliron",
    "tch",
    "wgpu",
    "wgpu-core",
    "wgpu-hal",
];

/// One build for both: they share everything but themselves. burn-ndarray, deprecated and minutes to compile, is left out.
pub fn check() -> Result<()> {
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

use anyhow::{Result, bail};

use super::perform;
use crate::cargo::{root, target};

/// The version that the crate `tch` of Burn 0.22.1 is written against.
const LIBTORCH: &str = "2.9.0";

/// The wheel of a CPU machine still names CUDA's runtime and profiler in its list of needed libraries.
const PACKAGES: &str = "torch==2.9.0 nvidia-cuda-runtime-cu12==12.8.90 nvidia-cuda-cupti-cu12==12.8.90";

/// Libraries that libtorch's CPU part loads, wherever pip has put them.
const LIBRARIES: [&str; 6] =
    ["libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libshm.so", "libcudart.so.12", "libcupti.so.12"];

/// Makes `target/libtorch` out of Python wheels, once.
pub fn setup(print: bool) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "failed to set up libtorch: this recipe knows x86-64 Linux alone; without LIBTORCH the build downloads \
             libtorch {LIBTORCH} by itself where it can"
        );
    }
    let folder = target().join("libtorch");
    if !print && folder.join("build-version").exists() {
        terminal::say(format_args!("libtorch {LIBTORCH} is in {}", folder.display()));
        return Ok(());
    }
    for step in steps(&target().display().to_string()) {
        perform(&step, &root(), print)?;
    }
    if print {
        terminal::say(format_args!("export LIBTORCH={0} LD_LIBRARY_PATH={0}/lib", folder.display()));
    } else {
        terminal::say(format_args!(
            "libtorch {LIBTORCH} is in {}; `cargo xtask` finds it there",
            folder.display()
        ));
    }
    Ok(())
}

/// The last step writes `build-version`, so that an interrupted set-up starts over.
fn steps(target: &str) -> Vec<String> {
    let venv = format!("{target}/libtorch-venv");
    let libtorch = format!("{target}/libtorch");
    let site = format!("$(echo \"{venv}\"/lib/python3*/site-packages)");
    vec![
        format!("python3 -m venv \"{venv}\""),
        format!("\"{venv}/bin/pip\" install --no-deps --disable-pip-version-check {PACKAGES}"),
        format!("mkdir -p \"{libtorch}/lib\""),
        format!("ln -sfn \"{site}/torch/include\" \"{libtorch}/include\""),
        format!(
            "for lib in {}; do ln -sf \"$(find \"{site}\" -name $lib | head -n 1)\" \"{libtorch}/lib/$lib\"; done",
            LIBRARIES.join(" ")
        ),
        format!("ln -sf libtorch_cpu.so \"{libtorch}/lib/libtorch.so\""),
        format!("echo {LIBTORCH} > \"{libtorch}/build-version\""),
    ]
}

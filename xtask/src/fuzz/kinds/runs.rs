use std::path::Path;

use anyhow::Result;
use fastrand::Rng;

use super::mutate_file;
use crate::fuzz::bytes::replace_file;
use crate::fuzz::invocation::Invocation;
use crate::fuzz::seeds::{Seeds, choose, files};

/// A run with a file that is damaged, and a program that reads it.
pub fn make(rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
    let name = Seeds::run(rng);
    if name == "latent" {
        seeds.copy("runs/first-stage", &folder.join("runs/first-stage"))?;
    }
    let run = folder.join("runs").join(name);
    seeds.copy(&format!("runs/{name}"), &run)?;
    let files = files(&run);
    let file = &choose(rng, &files);
    let mut invocation = command(rng, name);
    if rng.u8(..) < 40 {
        replace_file(file, rng)?;
        return Ok(invocation);
    }
    let before = std::fs::read(file)?;
    mutate_file(file, rng)?;
    let drawn = invocation.program == "infer" && file.parent() == Some(&run) && file.ends_with("ema.bpk");
    invocation.damaged = drawn && std::fs::read(file)? != before;
    Ok(invocation)
}

fn command(rng: &mut Rng, name: &str) -> Invocation {
    let run = format!("runs/{name}");
    match rng.u8(0..8) {
        0 => Invocation::new("export", &format!("--run {run} exported")),
        1 => Invocation::new("eval", &format!("--run {run} --dry-run")),
        2 => Invocation::new(
            "eval",
            &format!("--run {run} --samples 8 --seeds 1 --steps 2 --metrics memorisation"),
        ),
        3 | 4 => {
            let steps = if name == "cascade" { "" } else { "--steps 3" };
            Invocation::new("train", &format!("--run {name} --resume --plain --budget 1s {steps}"))
        }
        _ => {
            let steps = if name == "dpm" { "" } else { "--steps 2" };
            Invocation::new("infer", &format!("--run {run} -n 2 --out out.png {steps}"))
        }
    }
}

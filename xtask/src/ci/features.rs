use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, root};

/// Ways to build that must share one compiled Burn.
const SELECTIONS: [&[&str]; 7] = [
    &["--package", "train"],
    &["--package", "infer"],
    &["--package", "eval"],
    &["--package", "interop"],
    &["--package", "unet"],
    &["--package", "diffusion"],
    &["--package", "train", "--features", "parquet"],
];

/// Whatever is selected, each crate that Burn is compiled with must have the features that it has in `--workspace`.
///
/// Otherwise Burn, minutes of compilation, is compiled once for each selection.
pub fn check() -> Result<()> {
    let below_burn: BTreeSet<String> = tree(&["--package", "burn"])?.iter().map(|line| name(line)).collect();
    let everything = tree(&["--workspace", "--edges", "normal,no-proc-macro,dev"])?;
    for selection in SELECTIONS {
        let other = tree(selection)?;
        let strangers: Vec<_> =
            other.difference(&everything).filter(|line| below_burn.contains(&name(line))).cloned().collect();
        if !strangers.is_empty() {
            bail!(
                "`{}` builds these with other features than `--workspace`; add them in \
                 crates/workspace-hack/Cargo.toml:\n  {}",
                selection.join(" "),
                strangers.join("\n  ")
            );
        }
    }
    terminal::say("Burn has one set of features");
    Ok(())
}

/// Lines of `name version features`: the libraries that a selection links.
fn tree(selection: &[&str]) -> Result<BTreeSet<String>> {
    let mut command = cargo();
    command.current_dir(root()).args(["tree", "--prefix", "none", "--format", "{p} {f}"]);
    if !selection.contains(&"--edges") {
        command.args(["--edges", "normal,no-proc-macro"]);
    }
    let output = command.args(selection).output().context("failed to start cargo tree")?;
    if !output.status.success() {
        bail!("failed to run cargo tree: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(|line| line.trim_end_matches(" (*)").trim_end().to_owned()).collect())
}

fn name(line: &str) -> String {
    line.split(' ').next().unwrap_or_default().to_owned()
}

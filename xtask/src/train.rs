//! `cargo xtask train`: compiles what the arguments need, then trains.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::backend::Backend;
use crate::cargo::{cargo_run, hand_over};

const DEFAULT_CONFIG: &str = "configs/digits-ddpm.toml";

/// Train a model; with no argument, digits in minutes on a CPU
#[derive(clap::Args)]
pub struct Args {
    /// The experiment [default: configs/digits-ddpm.toml; with --resume, the run's own]
    config: Option<PathBuf>,
    /// What computes; it is compiled in when needed
    #[arg(long, value_enum, default_value_t)]
    backend: Backend,
    /// Which device of the backend
    #[arg(long, value_name = "N")]
    device: Option<usize>,
    /// The run's name: results go to runs/NAME
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Continue the run from its last checkpoint, or from the one at STEP
    #[arg(long, value_name = "STEP", num_args = 0..=1, require_equals = true)]
    resume: Option<Option<u64>>,
    /// Replace one value of the config, for example `--set model.channels=64`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Stop with a checkpoint after this time, for example 30m
    #[arg(long, value_name = "TIME")]
    budget: Option<String>,
    /// Train this many steps in all
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// The seed of weights, noise and shuffling
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Lines instead of the dashboard
    #[arg(long)]
    plain: bool,
    /// Of a cascade, train this stage only, counted from 1
    #[arg(long, value_name = "N")]
    stage: Option<usize>,
    /// Skip images that cannot be read, and report them
    #[arg(long)]
    skip_bad: bool,
    /// Train on the pictures of a folder: size, network and steps are chosen for this machine
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["config", "resume", "stage"])]
    data: Option<PathBuf>,
    /// With --data: the side of the pictures in pixels, instead of a chosen one
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,
    /// With --data: how long the training may take [default: 15m]
    #[arg(long = "for", value_name = "TIME")]
    time: Option<String>,
    /// Compile with the release profile: minutes longer, somewhat faster steps
    #[arg(long)]
    release: bool,
}

impl Args {
    fn config(&self) -> PathBuf {
        match (&self.config, &self.run) {
            (Some(config), _) => config.clone(),
            (None, Some(run)) if self.resume.is_some() => Path::new("runs").join(run).join("config.toml"),
            (None, _) => DEFAULT_CONFIG.into(),
        }
    }
}

/// Starts the `train` program with the same arguments.
pub fn run(args: &Args) -> Result<ExitCode> {
    check_config(&args.config())?;
    let mut features = args.backend.features().to_vec();
    if needs_parquet(&args.config(), &args.set)? {
        features.push("parquet");
    }
    let mut command = cargo_run("train", &features, args.release);
    args.backend.prepare(&mut command);
    command.arg("--").args(own_arguments().filter(|arg| arg != "--release"));
    hand_over(command)
}

/// Refuses a config that is not there before anything is compiled; the program says the same.
fn check_config(config: &Path) -> Result<()> {
    if config.exists() {
        return Ok(());
    }
    let hint = match terminal::meant(config, &["configs"], ".toml") {
        Some(other) => format!("did you mean {}?", terminal::quoted(other.display())),
        None => "name a TOML file, such as those in configs/".into(),
    };
    bail!("there is no configuration {}: {hint}", config.display())
}

/// The arguments after the command's name, as they were typed.
pub fn own_arguments() -> impl Iterator<Item = OsString> {
    std::env::args_os().skip(2)
}

/// Whether a config, with its overrides, reads parquet shards, for which the programs need a feature.
///
/// What is missing or malformed is left to the program, whose errors say more.
pub fn needs_parquet(config: &Path, overrides: &[String]) -> Result<bool> {
    let mut kind = None;
    if config.exists() {
        let text =
            fs::read_to_string(config).with_context(|| format!("failed to read {}", config.display()))?;
        let table: toml::Table = text.parse().unwrap_or_default();
        kind = kind_of(table.get("dataset"));
    }
    for setting in overrides {
        let Some((key, value)) = setting.split_once('=') else { continue };
        let parsed: toml::Table = format!("value = {value}").parse().unwrap_or_default();
        kind = match key.trim() {
            "dataset" => kind_of(parsed.get("value")),
            "dataset.type" => {
                parsed.get("value").and_then(|kind| kind.as_str().map(str::to_owned)).or(Some(value.into()))
            }
            _ => kind,
        };
    }
    Ok(kind.as_deref() == Some("parquet"))
}

/// The key `type` of a data set.
fn kind_of(dataset: Option<&toml::Value>) -> Option<String> {
    dataset?.get("type")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parquet_is_found_in_the_config_and_in_the_overrides() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("a.toml");
        let needs = |config: &Path, overrides: &[&str]| {
            needs_parquet(config, &overrides.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()).unwrap()
        };
        fs::write(&config, "[dataset]\ntype = \"parquet\"\n").unwrap();
        assert!(needs(&config, &[]));
        assert!(!needs(&config, &["dataset.type=idx"]));
        assert!(!needs(&config, &["dataset={type=\"folder\",path=\"a\"}"]));
        assert!(needs(&config, &["train.steps=3", "dataset.flip=true"]));
        let absent = Path::new("absent.toml");
        assert!(needs(absent, &["dataset.type=\"parquet\""]) && needs(absent, &["dataset.type=parquet"]));
        assert!(needs(absent, &["dataset = { files = [\"a.parquet\"], type = 'parquet' }"]));
        assert!(needs(absent, &["dataset.type=idx", "dataset={type=\"parquet\"}"]), "the last one counts");
        assert!(!needs(absent, &["dataset={type=\"parquet\"}", "dataset.type=idx"]));
        fs::write(&config, "[dataset]\ntype = \"idx\"\n").unwrap();
        assert!(!needs(&config, &[]));
        assert!(needs(&config, &["dataset={type=\"parquet\",files=[\"a\"]}"]));
        fs::write(&config, "[dataset\n").unwrap();
        assert!(!needs(&config, &[]) && !needs(&config, &["dataset={type="]));
    }
}

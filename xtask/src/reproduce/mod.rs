//! `cargo xtask reproduce`: regenerates a published table at our scale, by this program's own commands.
//!
//! A new table is one file with a [`Table`] and one arm of [`Name`]. What its commands leave under `runs/` is kept, so that
//! the same command goes on where it was stopped.

mod claim;
mod dpm;
mod evaluation;
mod ldm;
mod mnist_cdm;
mod mnist_iddpm;
mod report;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

pub use claim::Claim;
pub use report::Row;

use crate::cargo::root;

/// Regenerate a published table at our scale; with no argument, list the tables and their hours
#[derive(clap::Args)]
pub struct Args {
    /// The table
    table: Option<Name>,
    /// Print the commands, and stop
    #[arg(long)]
    dry_run: bool,
}

/// The tables.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    MnistCdm,
    MnistIddpm,
    Dpm,
    DpmImages,
    Ldm,
}

impl Name {
    fn table(self) -> Table {
        match self {
            Self::MnistCdm => mnist_cdm::table(),
            Self::MnistIddpm => mnist_iddpm::table(),
            Self::Dpm => dpm::table(),
            Self::DpmImages => dpm::images(),
            Self::Ldm => ldm::table(),
        }
    }
}

/// A published table, and how it is made at our scale.
pub struct Table {
    /// Its name on the command line and under docs/reproduce.
    pub name: &'static str,
    /// What it shows, and where it was published.
    pub about: &'static str,
    /// Hours on two CPU cores with flex.
    pub hours: f64,
    /// The commands, one after the other.
    pub steps: Vec<Step>,
    /// Reads the figures from what the commands left.
    pub rows: fn() -> Result<Vec<Row>>,
    /// The orders of rows that were published.
    pub claims: fn(&[Row]) -> Vec<Claim>,
}

/// A command of a table.
pub struct Step {
    /// Arguments of `cargo xtask`. Each command must go on where it was stopped, and do nothing when it is done.
    pub arguments: Vec<String>,
}

impl Step {
    /// `cargo xtask train CONFIG --run RUN`, with keys of the configuration replaced; a run that has a checkpoint is resumed.
    pub fn train(config: &str, run: &str, replaced: &[&str]) -> Self {
        let mut arguments: Vec<String> = ["train", config, "--run", run, "--plain"].map(String::from).into();
        arguments.extend(replaced.iter().flat_map(|set| ["--set".into(), (*set).into()]));
        Self { arguments }
    }

    /// `cargo xtask eval --run runs/RUN --out OUT`, with more arguments.
    pub fn eval(run: &str, out: &str, more: &str) -> Self {
        let arguments = ["eval", "--run", &format!("runs/{run}"), "--out", out].map(String::from);
        Self { arguments: arguments.into_iter().chain(more.split_whitespace().map(String::from)).collect() }
    }

    /// As it is typed.
    pub fn command(&self) -> String {
        let quoted: Vec<String> = self.arguments.iter().map(|argument| quoted(argument)).collect();
        format!("cargo xtask {}", quoted.join(" "))
    }

    fn run(&self) -> Result<()> {
        let mut arguments = self.arguments.clone();
        if let [command, _, _, run, ..] = &arguments[..]
            && command == "train"
        {
            let folder = root().join("runs").join(run);
            if is_finished(&folder) {
                return Ok(());
            }
            // Of a run, or of the stages of a cascade.
            if ["checkpoint", "stage-1/checkpoint"]
                .iter()
                .any(|checkpoints| folder.join(checkpoints).exists())
            {
                arguments.push("--resume".into());
            }
        }
        terminal::say(format_args!("\n{}", self.command()));
        let this = std::env::current_exe().context("failed to find this program")?;
        let status = Command::new(this).args(&arguments).current_dir(root()).status();
        match status.with_context(|| format!("failed to start {}", self.command()))?.success() {
            true => Ok(()),
            false => bail!("`{}` failed: when it is mended, the same command goes on", self.command()),
        }
    }
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:".contains(c);
    if argument.chars().all(plain) { argument.to_owned() } else { format!("'{argument}'") }
}

/// Whether a run was trained to its end, or all stages of a cascade.
fn is_finished(folder: &Path) -> bool {
    let config = std::fs::read_to_string(folder.join("config.toml")).unwrap_or_default();
    let config: toml::Table = config.parse().unwrap_or_default();
    if let Some(stages) = config.get("stage").and_then(toml::Value::as_table) {
        return stages.keys().all(|number| is_finished(&folder.join(format!("stage-{number}"))));
    }
    let record = std::fs::read_to_string(folder.join("record.json")).ok();
    let record = record.and_then(|text| text.parse::<serde_json::Value>().ok());
    record.is_some_and(|record| record["status"] == "finished")
}

/// Lists the tables, or makes one.
pub fn run(args: &Args) -> Result<ExitCode> {
    let Some(name) = args.table else {
        for name in Name::value_variants() {
            let Table { name, about, hours, .. } = name.table();
            terminal::say(format_args!("{name}: {about} About {hours} hours on two CPU cores."));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let table = name.table();
    terminal::say(format_args!(
        "{}: about {} hours on two CPU cores; if this is stopped, the same command goes on",
        table.name, table.hours
    ));
    for step in &table.steps {
        if args.dry_run {
            terminal::say(format_args!("  {}", step.command()));
        } else {
            step.run()?;
        }
    }
    if !args.dry_run {
        report::write(&table, (table.rows)()?)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_called_as_on_the_command_line() {
        for name in Name::value_variants() {
            let value = name.to_possible_value().unwrap();
            assert_eq!(value.get_name(), name.table().name);
        }
    }

    #[test]
    fn commands_can_be_typed() {
        let step = Step::train("configs/a.toml", "b", &["model.channel_mult=[1,2]", "seed=3"]);
        let expected =
            "cargo xtask train configs/a.toml --run b --plain --set 'model.channel_mult=[1,2]' --set seed=3";
        assert_eq!(step.command(), expected);
    }

    #[test]
    fn a_run_is_finished_when_its_record_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        let record = |file: &str, status: &str| {
            std::fs::write(run.join(file), format!(r#"{{"status": "{status}"}}"#)).unwrap();
            is_finished(run)
        };
        assert!(!is_finished(run));
        assert!(!record("record.json", "running"));
        assert!(record("record.json", "finished"));

        std::fs::write(run.join("config.toml"), "[stage.1]\n[stage.2]").unwrap();
        std::fs::create_dir_all(run.join("stage-1")).unwrap();
        assert!(!record("stage-1/record.json", "finished"), "the second stage is missing");
        std::fs::create_dir_all(run.join("stage-2")).unwrap();
        assert!(!record("stage-2/record.json", "running"));
        assert!(record("stage-2/record.json", "finished"));
    }
}

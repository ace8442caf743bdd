//! `cargo xtask ci`: everything that must hold before a change is merged, cheapest first.

mod backends;
mod deny;
mod features;
mod fresh_run;
mod readme;
mod steps;

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use steps::STEPS;

/// Run what continuous integration runs
#[derive(clap::Args)]
pub struct Args {
    /// Only these steps
    steps: Vec<String>,
    /// List the steps
    #[arg(long)]
    list: bool,
}

/// One thing that can fail by itself.
struct Step {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<()>,
}

/// Runs the steps in order and stops at the first that fails.
pub fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        STEPS.iter().for_each(|step| terminal::say(format_args!("{:<9} {}", step.name, step.what)));
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = choose(&args.steps)?;
    let mut times = Vec::new();
    for step in chosen {
        terminal::say(format_args!("\n== {}: {}", step.name, step.what));
        let start = Instant::now();
        let result = (step.run)();
        let time = start.elapsed();
        terminal::say(format_args!(
            "== {}: {} in {}",
            step.name,
            if result.is_ok() { "passed" } else { "failed" },
            seconds(time)
        ));
        times.push((step.name, time));
        if result.is_err() {
            print_table(&times);
        }
        result.with_context(|| format!("step `{0}` failed; again: `cargo xtask ci {0}`", step.name))?;
    }
    print_table(&times);
    Ok(ExitCode::SUCCESS)
}

fn choose(names: &[String]) -> Result<Vec<&'static Step>> {
    if names.is_empty() {
        return Ok(STEPS.iter().collect());
    }
    let known = || STEPS.iter().map(|step| step.name).collect::<Vec<_>>().join(", ");
    let find = |name: &String| {
        let step = STEPS.iter().find(|step| step.name == name);
        step.with_context(|| format!("no step `{name}`: choose from {}", known()))
    };
    names.iter().map(find).collect()
}

fn print_table(times: &[(&str, Duration)]) {
    terminal::say("");
    times.iter().for_each(|(name, time)| terminal::say(format_args!("{name:<9} {:>7}", seconds(*time))));
    terminal::say(format_args!("{:<9} {:>7}", "total", seconds(times.iter().map(|(_, time)| *time).sum())));
}

fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}

/// Runs a command to its end, printed as one would type it.
fn finish(command: &mut Command) -> Result<()> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    terminal::say(format_args!("$ {line}"));
    let status = command.status().with_context(|| format!("failed to start `{line}`"))?;
    if !status.success() {
        bail!("failed to run `{line}`: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_chosen_by_name() {
        assert_eq!(choose(&[]).unwrap().len(), STEPS.len());
        let chosen = choose(&["clippy".into(), "format".into()]).unwrap();
        assert_eq!(chosen.iter().map(|step| step.name).collect::<Vec<_>>(), ["clippy", "format"]);
        let error = choose(&["speed".into()]).err().unwrap().to_string();
        assert!(error.starts_with("no step `speed`: choose from format, "), "{error}");
    }

    #[test]
    fn a_failing_command_is_named() {
        let error = finish(&mut Command::new("false")).unwrap_err().to_string();
        assert!(error.starts_with("failed to run `false`: "), "{error}");
    }
}

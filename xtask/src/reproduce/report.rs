//! What a table leaves behind: `docs/reproduce/NAME.json` and `NAME.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Table;
use crate::cargo::root;

/// A figure of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Its standard error, where it is known.
    pub stderr: Option<f64>,
    /// What was published, at its own scale.
    pub published: Option<f64>,
    /// What it is counted in.
    pub unit: String,
    /// What it came from.
    pub command: String,
}

/// Writes the figures as JSON and as a page.
///
/// # Errors
///
/// What the file system says.
pub fn write(table: &Table, rows: Vec<Row>) -> Result<()> {
    let folder = root().join("docs/reproduce");
    fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
    let [json, page] = ["json", "md"].map(|kind| folder.join(format!("{}.{kind}", table.name)));
    let all = json!({
        "name": table.name,
        "machine": machine(),
        "revision": revision(),
        "rows": rows.iter().map(value).collect::<Vec<_>>(),
        "claims": judged(table, &rows),
    });
    save(&json, &format!("{all:#}\n"))?;
    save(&page, &markdown(table, &rows)?)?;
    terminal::say(format_args!("\n{}\n{}", fs::read_to_string(&page).unwrap_or_default(), page.display()));
    Ok(())
}

fn value(row: &Row) -> Value {
    let Row { name, value, stderr, published, unit, command } = row;
    json!({
        "name": name, "value": value, "stderr": stderr, "published": published, "unit": unit, "command": command,
    })
}

/// The published orders, and what became of them.
fn judged(table: &Table, rows: &[Row]) -> Vec<String> {
    (table.claims)(rows).iter().map(|claim| claim.judged(rows)).collect()
}

fn markdown(table: &Table, rows: &[Row]) -> Result<String> {
    let mut page = format!("# {}\n\n{}\n\n", table.name, table.about);
    writeln!(page, "`cargo xtask reproduce {}`, about {} hours on two CPU cores.", table.name, table.hours)?;
    writeln!(page, "Made on {} at revision {}.\n", machine(), revision())?;
    writeln!(page, "| | ours | published | unit |\n|---|---|---|---|")?;
    for Row { name, value, stderr, published, unit, .. } in rows {
        let stderr = stderr.map_or(String::new(), |stderr| format!(" ± {stderr:.3}"));
        let published = published.map_or("-".into(), |published| published.to_string());
        writeln!(page, "| {name} | {value:.3}{stderr} | {published} | {unit} |")?;
    }
    let claims = judged(table, rows);
    if !claims.is_empty() {
        writeln!(page, "\nWhat was published, and whether it is seen here:\n")?;
    }
    for claim in claims {
        writeln!(page, "- {claim}")?;
    }
    writeln!(page, "\nCommands:\n")?;
    for step in &table.steps {
        writeln!(page, "    {}", step.command())?;
    }
    Ok(page)
}

fn save(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}

/// The processor and its cores, as far as the system tells.
fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = if cores == 1 { "one core".into() } else { format!("{cores} cores") };
    format!("{} ({cores})", model.map_or(std::env::consts::ARCH, |(_, name)| name.trim()))
}

fn revision() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["describe", "--always"]) else { return "unknown".into() };
    // The pages of other tables do not count: nothing reads them.
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/reproduce"]);
    if changed.is_some_and(|files| !files.is_empty()) { format!("{commit}-dirty") } else { commit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproduce::{Claim, Step};

    #[test]
    fn a_page_has_figures_errors_and_commands() {
        let claims = |_: &[Row]| vec![Claim::less("low", "NLL".into(), "other".into())];
        let steps = vec![Step::eval("a", "runs/reproduce/a", "--seeds 2")];
        let table = Table { name: "toy", about: "Ours.", hours: 0.5, steps, rows: || Ok(Vec::new()), claims };
        let row = Row {
            name: "NLL".into(),
            value: 3.70251,
            stderr: Some(0.021),
            published: Some(2.94),
            unit: "bits/dim".into(),
            command: "x".into(),
        };
        let page = markdown(&table, &[row]).unwrap();
        assert!(page.contains("| NLL | 3.703 ± 0.021 | 2.94 | bits/dim |"), "{page}");
        assert!(page.contains("- low: not measured"), "{page}");
        assert!(
            page.contains("    cargo xtask eval --run runs/a --out runs/reproduce/a --seeds 2"),
            "{page}"
        );
    }
}

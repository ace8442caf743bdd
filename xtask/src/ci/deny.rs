use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::finish;
use super::steps::words;
use crate::cargo::{cargo, root, target};

/// Licences, duplicate crates, sources and known vulnerabilities of all that is in Cargo.lock.
pub fn check() -> Result<()> {
    let deny = installed()?;
    finish(
        Command::new(&deny).current_dir(root()).args(words("--log-level error check bans licenses sources")),
    )?;
    check_advisories(&deny)
}

/// Fetches the database of advisories, with git from the network, and compares Cargo.lock with it.
///
/// Without a network an earlier copy serves. Without either, advisories are not checked, and a warning says so.
fn check_advisories(deny: &Path) -> Result<()> {
    let mut fetch = Command::new(deny);
    fetch.args(words("--log-level error fetch db")).env("GIT_TERMINAL_PROMPT", "0");
    let fetched = fetch.current_dir(root()).output().context("failed to start cargo-deny")?;
    if !fetched.status.success() {
        let answer = String::from_utf8_lossy(&fetched.stderr);
        terminal::say(format_args!(
            "warning: the database of advisories was not fetched: {}",
            reason(&answer)
        ));
        let Some(copy) = database() else {
            terminal::say(
                "warning: ADVISORIES ARE NOT CHECKED; with a network, `cargo xtask ci deny` checks them",
            );
            return Ok(());
        };
        terminal::say(format_args!(
            "warning: advisories are checked with the earlier copy in {}",
            copy.display()
        ));
    }
    finish(
        Command::new(deny)
            .current_dir(root())
            .args(words("--offline --log-level error check --hide-inclusion-graph advisories")),
    )
}

/// The copy of the database that cargo-deny keeps for all projects.
fn database() -> Option<PathBuf> {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))?;
    let copies = fs::read_dir(cargo_home.join("advisory-dbs")).ok()?;
    copies.flatten().map(|copy| copy.path()).find(|copy| copy.join("crates").is_dir())
}

/// The first line that git calls fatal, or the last one.
fn reason(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let fatal = lines.clone().find(|line| line.starts_with("fatal: "));
    fatal.or_else(|| lines.next_back()).unwrap_or("no reason was given")
}

/// cargo-deny is built once, unoptimised: it runs for a second and an optimised build takes minutes longer.
fn installed() -> Result<PathBuf> {
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
    Ok(installed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_is_fatal_or_the_last_line() {
        assert_eq!(reason("[ERROR] failed\nfatal: no route to host\n\nmore\n"), "fatal: no route to host");
        assert_eq!(reason("[ERROR] failed\n"), "[ERROR] failed");
        assert_eq!(reason(""), "no reason was given");
    }
}

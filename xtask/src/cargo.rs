//! Starting cargo.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// The workspace's folder.
pub fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map(PathBuf::from).unwrap_or(xtask)
}

/// The folder of build products, where `setup` puts what it fetches.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => root().join("target"),
    }
}

/// The cargo that started this program.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// `cargo run` of one package: features, profile and the program's own arguments are added by the caller.
pub fn cargo_run(package: &str, features: &[&str], release: bool) -> Command {
    let mut command = cargo();
    command.args(["run", "--package", package]);
    if !features.is_empty() {
        command.args(["--features", &features.join(",")]);
    }
    if release {
        command.arg("--release");
    }
    command
}

/// Hands the terminal, the signals and the exit status over to `command`.
///
/// On Unix the command takes this process's place, so that Ctrl-C and `kill` reach the program itself and nothing
/// else can die before it has written its checkpoint.
pub fn hand_over(mut command: Command) -> Result<ExitCode> {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let error = command.exec();
        Err(error).with_context(|| format!("failed to start {}", command.get_program().display()))
    }
    #[cfg(not(unix))]
    {
        // The console sends Ctrl-C to both; this process waits for the other's answer.
        ctrlc::set_handler(|| {}).context("failed to leave ctrl-c to the program")?;
        let status = command
            .status()
            .with_context(|| format!("failed to start {}", command.get_program().display()))?;
        Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
    }
}

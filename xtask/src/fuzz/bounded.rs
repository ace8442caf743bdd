use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::invocation::Invocation;

/// Address space of a program: the tiny models of the inputs need a tenth.
const MEMORY_KIB: u64 = 3_000_000;
/// Processor time; what is not refused takes about a second.
const CPU_SECONDS: u64 = 20;
/// Time in all, for a program that waits.
const SECONDS: u64 = 90;
/// The longest file that it may write, in blocks of 512 bytes.
const FILE_BLOCKS: u64 = 500_000;
/// The most that is read of each output.
const OUTPUT_BYTES: u64 = 1 << 20;

/// How a program came to its end.
pub struct Ended {
    /// None if it had to be killed because it waited too long.
    pub status: Option<ExitStatus>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program in `input`, within bounds of memory, time and written files; its outputs go to files in `folder`.
///
/// # Errors
///
/// If it cannot be started.
pub fn run(programs: &Path, invocation: &Invocation, folder: &Path) -> Result<Ended> {
    let bounds = format!(
        "ulimit -v {MEMORY_KIB} && ulimit -t {CPU_SECONDS} && ulimit -f {FILE_BLOCKS} && exec \"$0\" \"$@\""
    );
    let outputs = ["stdout.txt", "stderr.txt"].map(|name| folder.join(name));
    let open = |path: &Path| {
        let path = if invocation.full { Path::new("/dev/full") } else { path };
        File::create(path).with_context(|| format!("failed to open {}", path.display()))
    };
    let mut child = Command::new("sh")
        .args(["-c", &bounds])
        .arg(programs.join(&invocation.program))
        .args(&invocation.args)
        .current_dir(folder.join("input"))
        .envs([("RAYON_NUM_THREADS", "1"), ("RUST_BACKTRACE", "0")])
        .stdin(Stdio::null())
        .stdout(open(&outputs[0])?)
        .stderr(open(&outputs[1])?)
        .spawn()
        .context("failed to start sh")?;
    let status = wait(&mut child)?;
    let [stdout, stderr] = outputs.map(|path| beginning(&path));
    Ok(Ended { status, stdout, stderr })
}

fn wait(child: &mut Child) -> Result<Option<ExitStatus>> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().context("failed to wait for a program")? {
            return Ok(Some(status));
        }
        if start.elapsed() > Duration::from_secs(SECONDS) {
            child.kill().context("failed to end a program")?;
            child.wait().context("failed to wait for a program")?;
            return Ok(None);
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// What a program wrote, as far as that is text.
fn beginning(path: &Path) -> String {
    let mut bytes = Vec::new();
    let file = File::open(path).map(|file| file.take(OUTPUT_BYTES));
    match file.and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

/// An empty folder for the files of a run.
///
/// # Errors
///
/// If it cannot be made.
pub fn fresh(folder: &Path) -> Result<()> {
    let context = || format!("failed to empty {}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(context)?;
    }
    fs::create_dir_all(folder.join("input")).with_context(context)
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::fuzz::verdict::fault;

    /// The fault of a program that is a script of the shell.
    fn judged(script: &str, prepare: impl Fn(&mut Invocation)) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        fresh(folder.path()).unwrap();
        let program = folder.path().join("train");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut invocation = Invocation::new("train", "");
        prepare(&mut invocation);
        let ended = run(folder.path(), &invocation, folder.path()).unwrap();
        fault(&invocation, &ended).map(|fault| fault.name)
    }

    #[test]
    fn every_way_to_end_badly_is_a_fault() {
        let as_it_is = |_: &mut Invocation| {};
        let full = |invocation: &mut Invocation| invocation.full = true;
        let damaged = |invocation: &mut Invocation| invocation.damaged = true;
        assert_eq!(judged("echo finished", as_it_is), None);
        assert_eq!(judged("echo error: no >&2; exit 1", as_it_is), None);
        assert_eq!(judged("exit 1", full), None);
        let cases = [
            ("exit 1", "train: fails without a word"),
            ("exit 101", "train: panics"),
            ("exit 3", "train: ends with status Some(3)"),
            ("kill -ABRT $$", "train: killed by signal 6"),
            ("echo memory allocation of 9 bytes failed >&2; kill -ABRT $$", "train: aborts for memory"),
            ("kill -XCPU $$", "train: runs without end"),
            ("echo loss NaN", "train: takes NaN for success"),
            ("printf '\\033[31m'", "train: prints control characters as they are"),
            ("exec head -c 300000000 /dev/zero > zeros", "train: writes a file without end"),
        ];
        for (script, expected) in cases {
            assert_eq!(judged(script, as_it_is).as_deref(), Some(expected), "{script}");
        }
        assert_eq!(judged("exit 101", full).as_deref(), Some("train: panics"));
        let expected = "train: takes damaged weights for good";
        assert_eq!(judged("echo drawn", damaged).as_deref(), Some(expected));
    }

    #[test]
    fn memory_and_time_are_bounded() {
        let script = format!("[ $(ulimit -v) = {MEMORY_KIB} ] && [ $(ulimit -t) = {CPU_SECONDS} ] || exit 3");
        assert_eq!(judged(&script, |_| {}), None);
    }
}

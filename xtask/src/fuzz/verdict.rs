use std::process::ExitStatus;

use super::bounded::Ended;
use super::invocation::Invocation;

/// What is wrong with how a program ended.
pub struct Fault {
    /// The same for the same fault.
    pub name: String,
    /// What the program said, if it panicked.
    pub message: String,
}

/// The fault that an input shows, if it shows one.
pub fn fault(invocation: &Invocation, ended: &Ended) -> Option<Fault> {
    if let Some(fault) = panic(&ended.stderr) {
        return Some(fault);
    }
    let name =
        ended.status.map_or(Some("waits without end".to_owned()), |status| ending(invocation, ended, status));
    Some(Fault { name: format!("{}: {}", invocation.program, name?), message: String::new() })
}

fn ending(invocation: &Invocation, ended: &Ended, status: ExitStatus) -> Option<String> {
    if let Some(signal) = signal(status) {
        return Some(killed(signal, &ended.stderr));
    }
    let silent = ended.stdout.trim().is_empty() && ended.stderr.trim().is_empty();
    // `--show` draws with colours.
    let raw = raw_controls(ended) && !invocation.args.iter().any(|arg| arg == "--show");
    let nan = invocation.program == "train" && ended.stdout.contains("loss NaN");
    let fault = match status.code() {
        Some(0) if invocation.damaged => "takes damaged weights for good",
        Some(0) if nan => "takes NaN for success",
        Some(1 | 2) if silent && !invocation.full => "fails without a word",
        Some(0..=2) if raw => "prints control characters as they are",
        Some(0..=2) => return None,
        Some(101) => "panics",
        code => return Some(format!("ends with status {code:?}")),
    };
    Some(fault.to_owned())
}

fn raw_controls(ended: &Ended) -> bool {
    let raw = |c: char| c.is_control() && !"\n\r\t".contains(c);
    ended.stdout.chars().chain(ended.stderr.chars()).any(raw)
}

/// Where it panicked, and why.
fn panic(stderr: &str) -> Option<Fault> {
    let (_, text) = stderr.split_once("panicked at ")?;
    let (place, message) = text.split_once(":\n").unwrap_or((text, ""));
    // Of a dependency, its name and version on.
    let place = place.split_once("/registry/src/").and_then(|(_, place)| place.split_once('/'));
    let place =
        place.map_or(text.lines().next().unwrap_or_default().trim_end_matches(':'), |(_, place)| place);
    let message = message.lines().next().unwrap_or_default();
    Some(Fault { name: format!("panic at {place}"), message: message.to_owned() })
}

fn killed(signal: i32, stderr: &str) -> String {
    match signal {
        // SIGXCPU, or SIGKILL at the hard limit, which is the same.
        9 | 24 => "runs without end".into(),
        25 => "writes a file without end".into(),
        6 if stderr.contains("memory allocation of") => "aborts for memory".into(),
        6 if stderr.contains("overflowed its stack") => "overflows its stack".into(),
        other => format!("killed by signal {other}"),
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_named_by_its_place() {
        let stderr = "thread 'main' (7) panicked at crates/a/src/b.rs:3:5:\nno 7\nnote: run\n";
        let fault = panic(stderr).unwrap();
        assert_eq!((&*fault.name, &*fault.message), ("panic at crates/a/src/b.rs:3:5", "no 7"));
        let stderr = "thread 'main' panicked at /x/registry/src/index-1/png-0.18.1/src/c.rs:1:2:\nindex\n";
        assert_eq!(panic(stderr).unwrap().name, "panic at png-0.18.1/src/c.rs:1:2");
        assert!(panic("error: no such file\n").is_none());
    }
}

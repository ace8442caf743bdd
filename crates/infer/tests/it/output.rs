//! Where results go, and to whom they are told.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn infer(folder: &Path) -> Command {
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checkpoints/digits-ddpm");
    let mut command = Command::new(env!("CARGO_BIN_EXE_infer"));
    command.current_dir(folder).arg("--run").arg(run).args(["-n", "1", "--steps", "1"]);
    command
}

fn says(folder: &Path, args: &str) -> Output {
    infer(folder).args(args.split(' ')).output().unwrap()
}

fn fails(folder: &Path, args: &str, expected: &str) {
    let output = says(folder, args);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{args}: {text}");
    assert!(text.contains(expected), "{args}: expected `{expected}` in: {text}");
    assert!(output.stdout.is_empty(), "{args}: found after it was announced");
}

#[test]
fn two_results_are_never_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("sub")).unwrap();
    let absolute = format!("--out g.png --animate {}", path("g.png").display());
    for args in ["--out g.png --animate ./g.png", "--out g.png --animate sub/../g.png", &absolute] {
        fails(folder.path(), args, "are the same file");
    }
    fails(folder.path(), "--separate sub --out sub/000000.png", "--separate writes an image of that name");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("g.png", path("link.png")).unwrap();
        fails(folder.path(), "--out g.png --animate link.png", "are the same file");
        fs::write(path("g.png"), "kept").unwrap();
        fails(folder.path(), "--out g.png --animate link.png", "are the same file");
        fs::hard_link(path("g.png"), path("hard.png")).unwrap();
        fails(folder.path(), "--out g.png --animate hard.png", "are the same file");
        assert_eq!(fs::read(path("g.png")).unwrap(), b"kept");
    }
    assert!(says(folder.path(), "--out a.png --animate b.png").status.success());
}

#[test]
fn a_picture_that_is_changed_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    assert!(says(folder.path(), "--separate drawn").status.success());
    let drawn = fs::read(folder.path().join("drawn/000000.png")).unwrap();
    for (args, option) in [
        ("--out ./drawn/000000.png", "--out"),
        ("--animate drawn/000000.png", "--animate"),
        ("--separate drawn", "--separate"),
    ] {
        let args = format!("--init-image drawn/000000.png {args}");
        fails(folder.path(), &args, &format!("error: {option}"));
        fails(folder.path(), &args, "would be lost");
    }
    assert!(fs::read(folder.path().join("drawn/000000.png")).unwrap() == drawn);
}

#[test]
fn what_cannot_be_written_is_found_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("folder.png")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for target in ["none/x.png", "folder.png", "file/x.png"] {
        fails(folder.path(), &format!("--out {target}"), "failed to write");
        fails(folder.path(), &format!("--animate {target}"), "failed to write");
    }
    fails(folder.path(), "--separate file", "failed to create file");
    if cfg!(target_os = "linux") {
        for target in ["--out /proc/x.png", "--animate /sys/x.png", "--separate /proc/self"] {
            fails(folder.path(), target, "failed to write /");
        }
    }
    let there: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(there.len(), 2, "{there:?}");
}

/// A pipe whose reader is gone.
fn closed() -> Stdio {
    let mut reader = Command::new(env!("CARGO_BIN_EXE_infer"));
    let mut reader = reader.arg("--version").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let pipe = reader.stdin.take().unwrap();
    reader.wait().unwrap();
    pipe.into()
}

#[test]
fn images_are_written_whoever_listens() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("grid.png");
    let mut command = infer(folder.path());
    command.stdout(closed()).stderr(closed());
    assert!(command.status().unwrap().success());
    assert!(out.exists());
    fs::remove_file(&out).unwrap();
    if cfg!(target_os = "linux") {
        let full = || fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = infer(folder.path());
        assert!(command.stdout(full()).stderr(full()).status().unwrap().success());
        assert!(out.exists());
    }
    // An error is still an error.
    let mut command = infer(folder.path());
    assert_eq!(command.args(["--label", "99"]).stderr(closed()).status().unwrap().code(), Some(1));
}

#[test]
fn control_characters_are_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a\x1b[31m\x07.png";
    let output = infer(folder.path()).args(["--out", name]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(folder.path().join(name).exists());
    assert!(text.contains("1 images: a\\u{1b}[31m\\u{7}.png"), "{text}");
    let output = infer(folder.path()).args(["--label", "\x1b]0;title\x07"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains(['\x1b', '\x07']) && text.contains("no class \\u{1b}]0;title"), "{text}");
    let output = infer(folder.path()).arg("--\x1b[31m").output().unwrap();
    assert!(!output.stderr.contains(&0x1b) && output.status.code() == Some(2));
}

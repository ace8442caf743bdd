//! What a user can get wrong before training starts.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::fs;
use std::process::{Command, Output};

fn train(folder: &tempfile::TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.current_dir(folder.path()).args(args).env("RUST_BACKTRACE", "0").output().unwrap()
}

#[test]
fn every_mistake_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    file("digits.toml", "[dataset]\ntype = \"digits\"\n");
    file("syntax.toml", "[dataset\n");
    file("type.toml", "[dataset]\ntype = \"films\"\n");
    file("key.toml", "sed = 1\n[dataset]\ntype = \"digits\"\n");
    file("folder.toml", "[dataset]\ntype = \"folder\"\npath = \"pictures\"\n");
    let cases: &[(&[&str], &str)] = &[
        (&["none.toml"], "none.toml"),
        (&["syntax.toml"], "line 1"),
        (&["type.toml"], "films"),
        (&["key.toml"], "unknown field `sed`"),
        (&["folder.toml"], "pictures"),
        (&["digits.toml"], "model"),
        (&["digits.toml", "--set", "steps"], "expected key=value"),
        (&["digits.toml", "--backend", "gpu"], "gpu"),
        (&["digits.toml", "--backend", "metal", "--set", SMALL], "metal"),
        (&["digits.toml", "--set", SMALL, "--device", "3"], "3"),
        (&["digits.toml", "--run", "../up"], "a run's name is one folder name"),
        (&["digits.toml", "--budget", "soon"], "soon"),
        (&["--resume", "100"], "write --resume=100"),
        (&["digits.toml", "--resume", "--set", SMALL], "start the run without `--resume`"),
    ];
    for (args, expected) in cases {
        let output = train(&folder, args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{args:?} succeeded");
        assert!(text.contains(expected), "{args:?}: expected `{expected}` in: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    assert!(!folder.path().join("runs").exists(), "a mistake leaves nothing behind");
}

const SMALL: &str = "model={channels=8, channel_mult=[1], attention_resolutions=[8]}";

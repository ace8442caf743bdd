//! What a model does not use is refused by its name.

use std::fs;
use std::path::Path;
use std::process::Command;

const STABLE_DIFFUSION: &str = "--model crates/interop/tests/cases/stable_diffusion --prompt cat";

/// What is said of a command line that must fail.
fn refusal(line: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_infer"));
    command.current_dir(project).args(line.split(' ')).env("RUST_BACKTRACE", "0");
    let output = command.arg("--out").arg(folder.path().join("out.png")).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{line}: {text}");
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "{line}: something was written");
    text
}

fn refuses(line: &str, option: &str) {
    let text = refusal(&format!("{line} {option}"));
    let name = option.split([' ', '=']).next().unwrap();
    let named = text.strip_prefix("error: ").and_then(|text| text.strip_prefix(name));
    assert!(named.is_some_and(|rest| rest.starts_with([':', ' '])), "{line} {option}: {text}");
}

#[test]
fn the_forward_process_uses_none_of_sampling() {
    for option in [
        "--number 5",
        "--steps 3",
        "--label 2",
        "--sampler heun",
        "--interpolate 1,2",
        "--batch 2",
        "--animate a.png",
    ] {
        refuses("--forward 0", option);
    }
}

#[test]
fn a_run_uses_no_option_of_pipelines_or_cascades() {
    for option in
        ["--clip-skip 1", "--guidance-rescale 0.5", "--aug-level 3", "--truncated=false", "--dtype f32"]
    {
        refuses("-n 1", option);
    }
    refuses("-n 1 --sampler euler", "--eta 0.5");
    refuses("-n 1 --sampler ddim", "--eta 5");
    refuses("-n 2 --sampler ddim --init-image x.png --invert", "--interpolate 1,2");
}

#[test]
fn a_pipeline_uses_what_its_class_its_scheduler_and_its_guidance_do() {
    let image = format!("{STABLE_DIFFUSION} --init-image x.png");
    refuses(&image, "--invert");
    refuses(&image, "--noise-level 50");
    refuses(&format!("{image} --mask m.png"), "--inpaint repaint");
    refuses(STABLE_DIFFUSION, "--eta 0.5");
    refuses(STABLE_DIFFUSION, "--spacing trailing");
    refuses(&format!("{STABLE_DIFFUSION} --sampler ddim"), "--eta 5");
    refuses(&format!("{STABLE_DIFFUSION} --guidance-scale 1"), "--guidance-rescale 0.7");
    refuses(&format!("{STABLE_DIFFUSION} --guidance-scale 1"), "--negative blurry");
}

#[test]
fn what_no_memory_holds_is_refused() {
    for number in ["18446744073709551615", "1000000000000"] {
        let text = refusal(&format!("-n {number} --batch {number}"));
        assert!(text.contains("GiB, which this machine does not have"), "{text}");
    }
}

//! The `eval` program as a user meets it, on the checkpoint that comes with the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expect_test::expect_file;
use serde_json::Value;

/// The project's folder, where the default run is found.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs the program in a folder of its own: classifiers are kept under runs/.
fn eval(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let run = project().join("checkpoints/digits-ddpm").display().to_string();
    let named = args.contains(&"--run");
    let args = if named { args.to_vec() } else { [&["--run", &run], args].concat() };
    let mut command = Command::new(env!("CARGO_BIN_EXE_eval"));
    command.current_dir(folder.path()).args(args).env("RUST_BACKTRACE", "0").output().unwrap()
}

fn succeeds(args: &[&str]) -> String {
    let output = eval(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(args: &[&str], expected: &str) {
    let output = eval(args);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(text.contains(expected), "expected `{expected}` in: {text}");
    assert!(!text.contains("panicked"), "{text}");
}

/// A small evaluation into a folder, without a classifier.
fn evaluate(out: &Path, batch: &str) -> Value {
    let out = out.display().to_string();
    let small = ["--metrics", "mmd,memorisation", "--samples", "12", "--steps", "2", "--seeds", "2"];
    let text = succeeds(&[&small[..], &["--batch", batch, "--out", &out]].concat());
    assert!(text.contains("nearest train / nearest test"), "{text}");
    fs::read_to_string(format!("{out}/eval.json")).unwrap().parse().unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Images that are missing, a file that is cut and a figure that is missing: everything as if nothing had happened.
#[test]
fn an_interrupted_evaluation_goes_on_to_the_same_report() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let expected = evaluate(&whole, "12");
    assert_eq!(evaluate(&parts, "5"), expected);
    let of_model = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "seed-0");
    let drawn: Vec<PathBuf> = files(&parts).into_iter().filter(of_model).collect();
    let named = |end: &str| drawn.iter().find(|path| path.to_string_lossy().ends_with(end)).unwrap();
    fs::remove_file(named("00000010-00000012.bytes")).unwrap();
    let cut = fs::read(named("00000005-00000010.bytes")).unwrap();
    fs::write(named("00000005-00000010.bytes"), &cut[..100]).unwrap();
    let figure = drawn.iter().find(|path| path.to_string_lossy().contains("mmd-")).unwrap();
    fs::remove_file(figure).unwrap();
    assert_eq!(evaluate(&parts, "4"), expected);
    assert!(files(&parts).iter().any(|path| path.ends_with("plots/ema.png")));
}

/// Every figure of a model stands beside its floor, and the distances grow with the damage.
#[test]
fn figures_have_floors_and_a_ladder() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    let small =
        ["--samples", "40", "--steps", "2", "--seeds", "1", "--classifier-steps", "40", "--out", &out];
    let text = succeeds(&[&small[..], &["--metrics", "fd,kd,pr,dc,classes,cas,memorisation"]].concat());
    assert!(text.contains("in-house classifier: trained on 1707 images, accuracy"), "{text}");
    let report: Value = fs::read_to_string(folder.path().join("eval.json")).unwrap().parse().unwrap();
    let figure = |subject: &str, name: &str| {
        let table = report["table"].as_array().unwrap();
        let found = table.iter().find(|figure| figure["subject"] == subject && figure["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} of {subject}"))["value"].as_f64().unwrap()
    };
    for name in ["FD-inhouse", "KD-inhouse x 1000"] {
        let halves = figure("train halves", name);
        for damage in ["blur 1/12", "noise 0.3", "no class 0"] {
            assert!(figure(damage, name) > halves, "{name}: {damage}");
        }
        assert!(figure("ema", name).is_finite() && figure("test images", name).is_finite());
    }
    for name in ["precision", "recall", "density", "coverage", "class as labelled"] {
        assert!(figure("train halves", name) > 0.5, "{name}");
    }
    assert!((0.0..=1.0).contains(&figure("ema", "CAS")));
    assert!(figure("ema", "nearest train / nearest test") > 0.0);
    for plot in ["fd-inhouse.svg", "class-shares.svg", "ema.png"] {
        assert!(folder.path().join("plots").join(plot).exists(), "{plot}");
    }
}

/// Likelihoods need no images. A batch that was measured is not measured again, and all of them make the same figures as one.
#[test]
fn likelihoods_are_kept_batch_by_batch() {
    let folder = tempfile::tempdir().unwrap();
    let of = |out: &str, batch: &str| -> Value {
        let out = folder.path().join(out);
        let small = ["--metrics", "nll", "--likelihoods", "3", "--seeds", "1", "--batch", batch];
        let text = succeeds(&[&small[..], &["--out", &out.display().to_string()]].concat());
        assert!(text.contains("nll of 3 test images x 1 seeds, 1000 evaluations each"), "{text}");
        fs::read_to_string(out.join("eval.json")).unwrap().parse().unwrap()
    };
    let figure = |report: &Value, name: &str| {
        let rows = report["table"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap()["value"].as_f64().unwrap()
    };
    let (whole, parts) = (of("whole", "3"), of("parts", "2"));
    let bound = figure(&whole, "bound, bits/dim");
    // A trained model of 8-bit pixels: better than guessing, worse than knowing.
    assert!(bound > 1.0 && bound < 8.0, "{bound}");
    assert!((figure(&parts, "bound, bits/dim") - bound).abs() < 1e-4);
    let terms = ["bound: prior L_T", "bound: rate L_1 to L_T-1", "bound: distortion L_0"];
    let sum: f64 = terms.iter().map(|name| figure(&whole, name)).sum();
    assert!((sum - bound).abs() < 1e-9);

    let kept: Vec<PathBuf> = files(&folder.path().join("parts"))
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("/nll-"))
        .collect();
    assert_eq!(kept.len(), 3, "two batches and what they make: {kept:?}");
    let cut = kept.iter().find(|path| path.to_string_lossy().ends_with("-00000001.json")).unwrap();
    fs::write(cut, "{").unwrap();
    fs::remove_file(kept.iter().find(|path| !path.to_string_lossy().contains("-0000000")).unwrap()).unwrap();
    // Numbers are read from their files within the last digit.
    assert!((figure(&of("parts", "2"), "bound, bits/dim") - figure(&parts, "bound, bits/dim")).abs() < 1e-12);
}

#[test]
fn a_dry_run_states_the_cost_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("eval");
    let text = succeeds(&[
        "--dry-run",
        "--metrics",
        "mmd",
        "--samples",
        "30",
        "--steps",
        "2",
        "--out",
        &out.display().to_string(),
    ]);
    assert!(text.contains("cost: 90 images to draw"), "{text}");
    assert!(!out.exists());
}

#[test]
fn what_is_not_asked_for_and_cannot_be_measured_is_left_out() {
    let text = succeeds(&["--dry-run", "--samples", "4", "--steps", "2", "--classifier-steps", "4"]);
    assert!(text.contains("without fid: it needs --inception FILE"), "{text}");
    assert!(text.contains("metrics: fd, kd, pr,"), "{text}");
}

#[test]
fn what_cannot_be_measured_is_said() {
    fails(&["--run", "absent"], "there is no run absent");
    fails(&["--metrics", "fid"], "--metrics fid: it needs --inception FILE");
    fails(&["--metrics", "fidelity"], "invalid value 'fidelity'");
    fails(&["--weights", "raw"], "only --weights ema can be judged");
    fails(&["--steps", "5000"], "--steps");
    fails(&["--samples", "1"], "--samples and --likelihoods must be at least 2");
    fails(&["--tolerance", "0"], "--tolerance 0: it must be above 0");
    fails(&["--inception", "absent.safetensors"], "failed to read absent.safetensors");
    fails(&["--guidance-scale", "nan"], "--guidance-scale NaN");
}

#[test]
fn the_help_is_as_documented() {
    expect_file!["../snapshots/help.txt"].assert_eq(&succeeds(&["--help"]));
}

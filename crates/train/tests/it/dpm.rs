//! A diffusion probabilistic model is trained, resumed and measured by the same engine as every other system.

use std::fs;
use std::process::{Command, Output};

const HEARTBEAT: &str = r#"
system = "dpm"
times_per_batch = 4
[dataset]
type = "heartbeat"
points = 200
[dpm]
num_train_timesteps = 20
schedule = { type = "dpm2015" }
chain = { type = "binomial", rate = 0.2 }
network = { type = "mlp", hidden = [8] }
[train]
steps = 20
batch_size = 16
eval_every = 10
eval_images = 16
checkpoint_every = 10
sample_images = 2
"#;

const POINTS: &str = r#"
system = "points"
[dataset]
type = "swiss-roll"
points = 200
[model]
width = 8
[diffusion]
num_train_timesteps = 20
schedule = { type = "linear", beta_start = 1e-3, beta_end = 0.3 }
variance = "fixed_small"
[train]
steps = 20
batch_size = 16
eval_every = 10
eval_images = 16
checkpoint_every = 10
sample_images = 20
[sample]
steps = 20
"#;

fn train(folder: &tempfile::TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.current_dir(folder.path()).args(args).env("RUST_BACKTRACE", "0").output().unwrap()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn a_resumed_run_has_the_same_weights_and_its_bound_is_printed() {
    let place = folder(&[("beat.toml", HEARTBEAT)]);
    let straight = train(&place, &["beat.toml"]);
    let text = String::from_utf8_lossy(&straight.stdout);
    assert!(straight.status.success(), "{}", String::from_utf8_lossy(&straight.stderr));
    for expected in ["K: -", "K - L_null: ", "exact optimum: -2.3219 bits", "gap to the optimum: "] {
        assert!(text.contains(expected), "expected `{expected}` in: {text}");
    }
    let weights = |run: &str| fs::read(place.path().join("runs").join(run).join("ema.bpk")).unwrap();
    // Ended early, then to the same end: the learning rate is constant.
    assert!(train(&place, &["beat.toml", "--run", "halved", "--steps", "10"]).status.success());
    assert!(train(&place, &["beat.toml", "--run", "halved", "--resume"]).status.success());
    assert!(weights("beat") == weights("halved"), "the weights differ");
    let record = fs::read_to_string(place.path().join("runs/beat/record.json")).unwrap();
    assert!(record.contains("\"name\": \"K\""), "{record}");
}

#[test]
fn points_are_learnt_by_a_denoiser_too() {
    let place = folder(&[("roll.toml", POINTS), ("points.csv", "x,y\n1,200\n3,400\n5,600\n7,900\n9,100\n")]);
    let straight = train(&place, &["roll.toml"]);
    let text = String::from_utf8_lossy(&straight.stdout);
    assert!(straight.status.success(), "{}", String::from_utf8_lossy(&straight.stderr));
    for expected in ["K: -", "K - L_null: ", "exact optimum: -0.94", "gap to the optimum: "] {
        assert!(text.contains(expected), "expected `{expected}` in: {text}");
    }
    let weights = |run: &str| fs::read(place.path().join("runs").join(run).join("ema.bpk")).unwrap();
    assert!(train(&place, &["roll.toml", "--run", "halved", "--steps", "10"]).status.success());
    assert!(train(&place, &["roll.toml", "--run", "halved", "--resume"]).status.success());
    assert!(weights("roll") == weights("halved"), "the weights differ");
    // Its variance learnt too, and the user's own points, which are scaled.
    let learned = ["--set", "diffusion.variance=learned_range", "--set", "train.objective.type=hybrid"];
    let csv = ["roll.toml", "--run", "own", "--set", "dataset={type=\"csv\",path=\"points.csv\"}"];
    let own = train(&place, &[&csv[..], &learned].concat());
    assert!(own.status.success(), "{}", String::from_utf8_lossy(&own.stderr));
    let config = fs::read_to_string(place.path().join("runs/own/config.toml")).unwrap();
    assert!(config.contains("[standardize]\nmean = ["), "{config}");
}

#[test]
fn every_mistake_is_named() {
    let place = folder(&[
        ("roll.toml", POINTS),
        ("beat.toml", HEARTBEAT),
        ("points.csv", "1,2\n3,4\n5,6\n"),
        ("other.toml", "system = \"gan\"\n[dataset]\ntype = \"digits\"\n"),
    ]);
    let cases: &[(&[&str], &str)] = &[
        (&["other.toml"], "system = \"gan\""),
        (&["beat.toml", "--set", "times_per_batch=5"], "it must divide train.batch_size, which is 16"),
        (&["roll.toml", "--set", "dataset={type=\"digits\"}"], "system = \"points\" is for points"),
        (&["roll.toml", "--set", "train.cond_drop_prob=0.5"], "cond_drop_prob is of systems with classes"),
        (&["roll.toml", "--set", "model.width=0"], "[model]: width = 0: it must be between 1 and 16384"),
        (&["beat.toml", "--set", "dpm.network.octaves=20"], "octaves = 20: there are at most 12"),
        (&["beat.toml", "--set", "dpm.chain.rate=0"], "rate = 0: it must be above 0"),
        (&["beat.toml", "--set", "train.conditional=false"], "conditional is of systems with classes"),
        (&["beat.toml", "--set", "dataset={type=\"swiss-roll\"}"], "a binomial chain is for 0 and 1"),
        (&["beat.toml", "--set", "dataset.pad_to=32"], "points are no pictures"),
        (
            &["beat.toml", "--set", "dataset={type=\"csv\",path=\"points.csv\"}"],
            "a binomial chain is for 0 and 1, but the data hold",
        ),
    ];
    for (args, expected) in cases {
        let output = train(&place, args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{args:?} succeeded");
        assert!(text.contains(expected), "{args:?}: expected `{expected}` in: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    assert!(!place.path().join("runs").exists(), "a mistake leaves nothing behind");
}

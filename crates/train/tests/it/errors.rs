//! What a user can get wrong before training starts.

use std::fs;
use std::process::{Command, Output};

use expect_test::expect_file;

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
        (&["none.toml"], "there is no configuration none.toml: name a TOML file"),
        (&["."], "name a TOML file, such as those in configs/"),
        (&["digits.toml", "--run", "runs/a"], "did you mean --run a?"),
        (
            &["digits.toml", "--set", "train.batchsize=3"],
            "unknown field `batchsize`: did you mean `batch_size`?",
        ),
        (&["syntax.toml"], "line 1"),
        (&["type.toml"], "films"),
        (&["key.toml"], "unknown field `sed`"),
        (&["folder.toml"], "pictures"),
        (&["digits.toml"], "digits.toml: it has [dataset] alone: add --for 15m, and network, size and steps"),
        (
            &["digits.toml", "--set", SMALL, "--size", "8"],
            "--size and --for choose a configuration: give --data",
        ),
        (&["--data", "nowhere"], "failed to read nowhere"),
        (&["--data", ".", "--size", "3"], "--size 3: it must be from 4 to 512 pixels"),
        (&["--data", ".", "digits.toml"], "cannot be used with"),
        (&["digits.toml", "--set", "steps"], "expected key=value"),
        (&["digits.toml", "--backend", "gpu"], "gpu"),
        (&["digits.toml", "--backend", "metal", "--set", SMALL], "metal"),
        (&["digits.toml", "--set", SMALL, "--device", "3"], "3"),
        (&["digits.toml", "--run", "../up"], "a run's name is one folder name"),
        (&["digits.toml", "--budget", "soon"], "soon"),
        (&["digits.toml", "--seed", "9223372036854775808"], "9223372036854775808"),
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

/// Own pictures, from the folder to a run that is drawn from: what is chosen is said, written, and trained.
#[test]
fn a_folder_of_pictures_is_all_that_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    for (class, byte) in [("dark", 30), ("light", 220)] {
        let place = folder.path().join("my pictures").join(class);
        fs::create_dir_all(&place).unwrap();
        for i in 0..4 {
            let picture = data::Picture::filled(9 + i, 8, &[byte]);
            picture.write_png(&place.join(format!("{i}.png")), &[]).unwrap();
        }
    }
    let args =
        ["--data", "my pictures", "--for", "1s", "--set", "train.steps=2", "--set", "train.sample_images=2"];
    let output = train(&folder, &args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for said in [
        "seen: 8 pictures, 2 classes (dark, light), sides of 8 to 12 pixels, grey",
        "8 pictures are few: they will be learnt by heart",
        "measured: 8x8 pixels with 32 channels, ",
        "chosen: 8x8 pixels, 32 channels (the cheapest, though 1000 steps would take longer than asked for), ",
        "written: runs/my-pictures.toml",
        "finished 2 steps",
    ] {
        assert!(text.contains(said), "expected `{said}` in: {text}");
    }
    let made = fs::read_to_string(folder.path().join("runs/my-pictures.toml")).unwrap();
    assert!(made.contains("# chosen: 8x8") && made.contains("path = \"my pictures\""), "{made}");
    assert!(folder.path().join("runs/my-pictures/ema.bpk").exists());
    let again = train(&folder, &args);
    let text = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && text.contains("runs/my-pictures.toml was made before"), "{text}");
}

/// Where there is too little address space for their stacks.
#[cfg(target_os = "linux")]
#[test]
fn threads_that_do_not_start_are_an_error() {
    let limited = "ulimit -v 3000000 && exec \"$0\" digits.toml";
    let mut command = Command::new("sh");
    let train = command.args(["-c", limited, env!("CARGO_BIN_EXE_train")]);
    let output = train.env("RAYON_NUM_THREADS", "2000").env("RUST_BACKTRACE", "0").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("`RAYON_NUM_THREADS=1`"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn the_help_is_as_it_was() {
    let output = train(&tempfile::tempdir().unwrap(), &["--help"]);
    expect_file!["../snapshots/help.txt"].assert_eq(&String::from_utf8(output.stdout).unwrap());
}

/// Every default, as the program prints it when nothing speaks against a run.
#[test]
fn the_resolved_configuration_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("digits.toml"), "[dataset]\ntype = \"digits\"\n").unwrap();
    let refused = train(&folder, &["digits.toml", "--set", SMALL, "--backend", "metal"]);
    assert!(refused.stdout.is_empty(), "an error comes before the configuration, not after it");
    let output = train(&folder, &["digits.toml", "--set", SMALL, "--budget", "1ms"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let end = text.find("validation images\n").unwrap() + "validation images\n".len();
    expect_file!["../snapshots/config.txt"].assert_eq(&text[..end]);
}

#[test]
fn a_run_cannot_end_before_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("digits.toml"), "[dataset]\ntype = \"digits\"\n").unwrap();
    let run = |steps: &str, more: &[&str]| {
        let set = format!("{SMALL_RUN},steps={steps}}}");
        let args = ["digits.toml", "--set", SMALL, "--set", &set, "--set", "sample.steps=2"];
        train(&folder, &[&args, more].concat())
    };
    fs::create_dir_all(folder.path().join("runs/digits/experiment.log")).unwrap();
    let refused = run("2", &[]);
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(text.contains("failed to write runs/digits/experiment.log"), "{text}");
    fs::remove_dir_all(folder.path().join("runs")).unwrap();

    let first = run("2", &[]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let second = run("1", &["--resume"]);
    let text = String::from_utf8_lossy(&second.stderr);
    assert!(text.contains("the checkpoint is of step 2, and the run is to end at 1"), "{text}");
    assert!(run("2", &["--resume"]).status.success(), "what is finished stays finished");
}

const SMALL_RUN: &str = "train={batch_size=2,eval_images=2,sample_images=1";

const SMALL: &str = "model={channels=8, channel_mult=[1], attention_resolutions=[8]}";

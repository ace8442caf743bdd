//! A classifier of noisy images leads what a run draws to its classes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use burn::train::Interrupter;
use train::{ClassifierSystem, DraftConfig, Objective, RunDir, Session, System};

const MODEL: &str = "channels = 8\nchannel_mult = [1, 2]\nnum_res_blocks = 1\nattention_resolutions = []\n";
const TRAIN: &str = "steps = 30\nlearning_rate = 0.01\nbatch_size = 16\nwarmup_steps = 0\nema_decay = 0.5\n\
                     eval_images = 4\nsample_images = 8\n";

fn trained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let dataset = "[dataset]\ntype = \"digits\"\n";
    let plain = format!(
        "{dataset}[model]\n{MODEL}[train]\n{TRAIN}conditional = false\n[sample]\nsolver = {{ type = \"ddim\" }}\nsteps = 8\n"
    );
    train::<Objective>(folder.path(), "plain", &plain);
    let classifier = format!("system = \"classifier\"\n{dataset}[model]\n{MODEL}[train]\n{TRAIN}");
    train::<ClassifierSystem>(folder.path(), "judge", &classifier);
    folder
}

fn train<S: System>(folder: &Path, run: &str, config: &str) {
    let path = folder.join(format!("{run}.toml"));
    fs::write(&path, config).unwrap();
    let draft = DraftConfig::<S::Config>::read(&path, &[]).unwrap();
    let splits = draft.dataset.open(false).unwrap();
    let session = Session::<S> {
        run: RunDir::new(folder.join(run)),
        config: draft.resolve(&splits).unwrap(),
        splits,
        backend: "flex".parse().unwrap(),
        device_index: 0,
        resume: None,
        budget: None,
        plain: true,
        interrupter: Interrupter::new(),
    };
    session.train().unwrap();
}

fn infer(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_infer"));
    command.current_dir(folder).args(["--run", "plain", "--out", "out.png", "-n", "4"]).args(args);
    command.output().unwrap()
}

fn draws(folder: &Path, args: &[&str]) -> Vec<u8> {
    let output = infer(folder, &[args, &["--separate", "single"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let image = |i: usize| data::read_picture(&folder.join(format!("single/{i:06}.png"))).unwrap();
    (0..4).flat_map(|i| image(i).bytes().to_vec()).collect()
}

#[test]
fn a_classifier_decides_what_an_unconditional_run_draws() {
    let folder = trained();
    let folder = folder.path();
    let led = |label: &str, scale: &str| {
        draws(folder, &["--classifier", "judge", "--label", label, "--classifier-scale", scale])
    };
    let plain = draws(folder, &[]);
    assert!(led("7", "0") == plain, "a scale of 0 is off");
    let seven = led("7", "5");
    assert!(seven != plain && seven == led("7", "5"));
    assert!(seven != led("2", "5"), "the class matters");
    let log = fs::read_to_string(folder.join("judge/valid/metrics.csv")).unwrap();
    assert!(log.contains("Accuracy t 0-25%") && log.contains("Accuracy t 75-100%"), "{log}");
    assert!(folder.join("judge/samples").read_dir().unwrap().next().is_some(), "a preview");

    let fails = |args: &[&str], expected: &str| {
        let output = infer(folder, args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(expected), "expected `{expected}` in: {text}");
    };
    fails(&["--label", "7"], "this model knows no classes");
    fails(&["--classifier", "plain"], "it is no classifier: train one with system = \"classifier\"");
    fails(
        &["--classifier", "judge", "--guidance-scale", "2"],
        "--guidance-scale: a run that draws pixels does not use it",
    );
    fails(&["--classifier", "judge", "--classifier-scale", "nan"], "it must be a finite number");
    let changed = |old: &str, new: &str, expected: &str| {
        let path = folder.join("judge/config.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        fs::write(&path, text.replace(old, new)).unwrap();
        fails(&["--classifier", "judge"], expected);
        fs::write(&path, text).unwrap();
    };
    changed("num_train_timesteps = 1000", "num_train_timesteps = 500", "it knows another noise than the run");
    changed("flip = false", "flip = true", "it was trained on other data than the run");
}

//! What is read of a run is what was saved, or an error; what is no number is neither saved nor read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use burn::tensor::Device;
use serde_json::Value;
use train::{RunConfig, RunDir, TrainedModel, Weights};

const CONFIG: &str = r#"
[dataset]
type = "digits"
[model]
channels = 8
channel_mult = [1]
num_res_blocks = 1
attention_resolutions = []
[train]
steps = 4
batch_size = 2
warmup_steps = 0
eval_every = 2
eval_images = 2
checkpoint_every = 2
sample_images = 1
[sample]
solver = { type = "ddim" }
steps = 1
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("tiny.toml"), CONFIG).unwrap();
        Self(place)
    }

    fn trained() -> Self {
        let place = Self::new();
        let output = place.command(&[]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        place
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command.current_dir(self.0.path()).arg("tiny.toml").args(args).env("RUST_BACKTRACE", "0");
        command
    }

    fn fails(&self, args: &[&str], expected: &str) {
        let output = self.command(args).output().unwrap();
        let text = text(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
        assert!(text.contains(expected), "{args:?}: expected `{expected}` in: {text}");
    }

    fn run(&self) -> RunDir {
        RunDir::new(self.0.path().join("runs/tiny"))
    }

    fn checkpoint(&self, step: usize) -> PathBuf {
        self.run().checkpoints().join(format!("step-{step:08}"))
    }

    /// As `infer` and `eval` read it.
    fn read(&self, weights: &Path) -> Result<(), String> {
        let config = RunConfig::load(&self.run().config()).map_err(|error| error.to_string())?;
        let weights = Weights::read(weights).map_err(|error| error.to_string())?;
        TrainedModel::load(&weights, &config, &Device::flex()).map_err(|error| error.to_string())?;
        Ok(())
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = fs::read_to_string(path).unwrap().parse().unwrap();
    change(&mut value);
    fs::write(path, serde_json::to_vec_pretty(&value).unwrap()).unwrap();
}

/// In every file that is read, also of a run that was killed while its record said "running".
#[test]
fn any_byte_that_has_changed_is_noticed() {
    let place = Place::trained();
    let ema = place.run().ema();
    place.read(&ema).unwrap();
    place.read(&place.checkpoint(4)).unwrap();
    edit(&place.run().record(), |record| {
        record["status"] = "running".into();
        record["files"] = serde_json::json!({});
    });
    place.read(&ema).unwrap();
    let files = [
        (ema.clone(), ema.clone()),
        (place.checkpoint(4).join("model.bpk"), place.checkpoint(4)),
        (place.checkpoint(4).join("meta.json"), place.checkpoint(4)),
    ];
    for (file, weights) in files {
        let whole = fs::read(&file).unwrap();
        for part in 0..16 {
            let mut changed = whole.clone();
            let at = (2 * part + 1) * whole.len() / 32;
            // What is white in a text stays so.
            changed[at] ^= if changed[at] == b' ' || changed[at] == b'\n' { continue } else { 1 };
            fs::write(&file, changed).unwrap();
            assert!(place.read(&weights).is_err(), "{}: byte {at} of {}", file.display(), whole.len());
        }
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert!(place.read(&weights).is_err(), "{} is cut", file.display());
        fs::write(&file, whole).unwrap();
        place.read(&weights).unwrap();
    }
}

#[test]
fn a_configuration_that_is_not_the_runs_is_noticed() {
    let place = Place::trained();
    let path = place.run().config();
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replace("beta_end = 0.02", "beta_end = 0.03")).unwrap();
    let error = place.read(&place.run().ema()).unwrap_err();
    assert!(error.contains("diffusion.schedule.beta_end: 0.02 -> 0.03"), "{error}");
    // How it is drawn from is no matter of training.
    fs::write(&path, whole.replace("sample_images = 1", "sample_images = 2")).unwrap();
    place.read(&place.run().ema()).unwrap();
}

/// Of earlier versions, which told nothing of the averaged weights.
#[test]
fn runs_without_checksums_are_read() {
    let place = Place::trained();
    let forget = |value: &mut Value| {
        value.as_object_mut().unwrap().remove("sha256");
        value["files"].as_object_mut().unwrap().remove("ema.bpk");
    };
    edit(&place.run().record(), forget);
    for step in [2, 4] {
        edit(&place.checkpoint(step).join("meta.json"), forget);
    }
    place.read(&place.run().ema()).unwrap();
    place.read(&place.checkpoint(2)).unwrap();

    // Nothing tells that these are others, but they are no numbers.
    let mut bytes = fs::read(place.run().ema()).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(place.run().ema(), &bytes).unwrap();
    let error = place.read(&place.run().ema()).unwrap_err();
    assert!(error.contains("holds NaN or infinities: the training diverged"), "{error}");
    // Going on writes them anew, with their hash.
    let output = place.command(&["--resume=2"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    place.read(&place.run().ema()).unwrap();
    let record: Value = fs::read_to_string(place.run().record()).unwrap().parse().unwrap();
    assert!(record["files"]["ema.bpk"].is_string(), "{record}");
}

#[test]
fn what_would_end_in_nan_is_refused_or_stops_before_it_is_saved() {
    let place = Place::new();
    place.fails(
        &["--set", "train.adam_eps=1e-50"],
        "adam_eps = 0: it must be above 0; numbers are rounded to 32 bits",
    );
    place.fails(&["--set", "train.weight_decay=1e6"], "weight_decay times learning_rate");
    place.fails(&["--set", "model=[]"], "model is an array: it must be a table");
    assert!(!place.0.path().join("runs").exists());

    // Numbers for a few steps, and then none.
    fs::write(place.0.path().join("tiny.toml"), EXPLODES).unwrap();
    let output = place.command(&[]).output().unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no longer") && text.contains("at step"), "{text}");
    assert!(text.contains("set train.grad_clip above 0 or lower train.learning_rate"), "{text}");
    assert!(!text.contains("NaN"), "nothing of it is shown: {text}");
    let kept = train::Checkpoints::new(place.run().checkpoints(), 1);
    let last = *kept.steps().last().expect("the last good checkpoint stays");
    Weights::read(&kept.path(last)).unwrap();
    Weights::read(&place.run().ema()).unwrap();
    kept.verify(last).unwrap();
}

const EXPLODES: &str = r#"
system = "dpm"
times_per_batch = 8
[dataset]
type = "swiss-roll"
points = 200
[dpm]
num_train_timesteps = 40
chain = { type = "gaussian", mean_form = "released" }
network = { type = "mlp", hidden = [20, 20], activation = "silu", readout = { type = "bumps", count = 5 } }
[train]
steps = 300
batch_size = 64
learning_rate = 1.0
warmup_steps = 0
grad_clip = 0.0
eval_every = 1
eval_images = 16
checkpoint_every = 1
keep_last = 1
sample_every = 0
sample_images = 4
"#;

#[test]
fn a_training_beyond_the_memory_is_refused_unless_told() {
    let place = Place::new();
    let large = ["--set", "train.batch_size=1048576", "--set", "model.channels=4096"];
    place.fails(&large, "GiB of memory, and this machine has");
    place.fails(&["--set", "model.channels=1000000000"], "channels");
    assert!(!place.0.path().join("runs").exists());
    let output = place.command(&["--set", "train.steps=1", "--beyond-memory"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

/// A step of many batches: the first of them are given up, and the step is done anew by a later session.
#[cfg(unix)]
#[test]
fn a_stop_between_the_batches_of_a_step_is_prompt() {
    let place = Place::new();
    let mut command = place.command(&["--set", "train.grad_accumulation=30000"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pause = |milliseconds| std::thread::sleep(std::time::Duration::from_millis(milliseconds));
    while !place.run().path().join("train/metrics.csv").exists() {
        pause(10);
    }
    // Into the step, which takes half a minute.
    pause(1000);
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let text = text(&output);
    assert!(output.status.success() && text.contains("stopped before the first step"), "{text}");
}

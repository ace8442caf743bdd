//! A cascade's training: stage by stage, killed and resumed, and what cannot be one is refused by name before any work.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

const CONFIG: &str = r#"
system = "cascade"
seed = 3
[dataset]
type = "digits"
flip = true
[stage.1]
resolution = 4
model = { channels = 8, channel_mult = [1], num_res_blocks = 1, attention_resolutions = [4] }
diffusion = { num_train_timesteps = 200, variance = "learned_range" }
sample = { steps = 2 }
[stage.1.train]
objective = { type = "hybrid" }
timesteps = "loss_aware"
steps = 20
batch_size = 2
eval_images = 4
checkpoint_every = 10
sample_images = 1
[stage.2]
resolution = 8
model = { channels = 8, channel_mult = [1], num_res_blocks = 1, attention_resolutions = [8], dropout = 0.1 }
low_resolution = { max_level = 100, blur_prob = 0.5, level = 20 }
sample = { solver = { type = "ddim" }, steps = 2 }
eval = { every = 140, images = 2, evaluations = 3 }
[stage.2.train]
timesteps = "continuous"
steps = 150
batch_size = 2
grad_accumulation = 2
eval_every = 70
eval_images = 4
checkpoint_every = 30
sample_images = 2
"#;

/// A folder to run in, with the configuration in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("tiny.toml"), CONFIG).unwrap();
        Self(place)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command.current_dir(self.0.path()).arg("tiny.toml").args(args).env("RUST_BACKTRACE", "0");
        command
    }

    fn succeeds(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let text = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{text}");
        text
    }

    fn fails(&self, args: &[&str], expected: &str) {
        let Output { status, stderr, .. } = self.command(args).output().unwrap();
        let text = text(&stderr);
        assert_eq!(status.code(), Some(1), "{args:?} succeeded");
        assert!(text.contains(expected), "{args:?}: expected `{expected}` in: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join("runs/tiny").join(file)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn assert_same(a: &Place, b: &Place, file: &str) {
    assert!(fs::read(a.path(file)).unwrap() == fs::read(b.path(file)).unwrap(), "{file} differs");
}

#[test]
fn a_cascade_killed_in_its_second_stage_goes_on_there_bit_for_bit() {
    let (straight, killed) = (Place::new(), Place::new());
    let text = straight.succeeds(&[]);
    assert_eq!(
        text.matches(" bits/dim").count(),
        1,
        "the second stage estimates its bound at step 140: {text}"
    );
    let mut child = killed.command(&[]).spawn().unwrap();
    wait_for(&killed.path("stage-2/checkpoint/step-00000030"));
    child.kill().unwrap();
    child.wait().unwrap();
    let first = fs::metadata(killed.path("stage-1/ema.bpk")).unwrap().modified().unwrap();
    killed.fails(&[], "stage 1 of the cascade: the run runs/tiny/stage-1 exists");
    killed.succeeds(&["--resume"]);
    assert_eq!(first, fs::metadata(killed.path("stage-1/ema.bpk")).unwrap().modified().unwrap());
    for file in [
        "stage-1/ema.bpk",
        "stage-2/ema.bpk",
        "stage-2/checkpoint/step-00000150/model.bpk",
        "stage-2/samples/step-00000150.png",
    ] {
        assert_same(&straight, &killed, file);
    }
    // One stage alone is the same stage.
    let alone = Place::new();
    alone.succeeds(&["--stage", "2"]);
    assert_same(&straight, &alone, "stage-2/ema.bpk");
    assert!(!alone.path("stage-1").exists());
    // Without a file: the cascade's own.
    let mut own = Command::new(env!("CARGO_BIN_EXE_train"));
    own.current_dir(alone.0.path()).args(["--run", "tiny", "--stage", "2", "--resume"]);
    assert!(own.output().unwrap().status.success());
}

fn wait_for(path: &Path) {
    for _ in 0..60_000 {
        if path.exists() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("no checkpoint appeared at {}", path.display());
}

#[test]
fn what_is_no_cascade_is_refused_before_any_work() {
    let place = Place::new();
    let cases: &[(&str, &str)] = &[
        ("stage.1.resolution=3", "stage.2.resolution = 8: it must be a multiple of stage 1's 3"),
        ("stage.2.resolution=4", "it must be a multiple of stage 1's 4, and more"),
        ("stage.2.resolution=16", "16 does not divide the images, which are 8x8"),
        ("stage.4.resolution=32", "stage 3 is missing"),
        ("stage.1.low_resolution.max_level=3", "the first stage is shown no image"),
        ("stage.2.low_resolution.image_size=2", "low_resolution.image_size is 2, but stage 1 has 4"),
        ("stage.2.low_resolution.max_level=201", "the chain of the stage below has 200 steps"),
        ("stage.2.low_resolution.upsampling=cubic", "[low_resolution]: unknown variant `cubic`"),
        ("stage.2.low_resolution.levle=3", "unknown field `levle`"),
        ("stage.2.model.chanels=3", "[stage.2]: unknown field `chanels`"),
        (
            "stage.2.model.in_channels=1",
            "model.in_channels is 1, but the noisy and the low-resolution image have 2",
        ),
        ("stage.1.model.context.channels=8", "context and added_input: a run of pixels gives neither"),
        ("stage.2.model.context.channels=8", "context and added_input: a run of pixels gives neither"),
        ("stage.2.train.objective.type=hybrid", "[stage.2]"),
        ("stage.1.train.timesteps=continuous", "timesteps = \"continuous\" has no steps for a bound"),
        ("stage.2.eval.every=71", "[eval]: every = 71: it must be a multiple of train.eval_every = 70"),
        ("stage.1.model.context={channels=8}", "[stage.1]: [model]: context and added_input"),
        ("stage.2.model.context={channels=8}", "[stage.2]: [model]: context and added_input"),
        ("stage.2.model.added_input=time", "[stage.2]"),
        ("stage.1.model.out_channels=3", "model.out_channels is 3, but the data say 2"),
        ("stage.2.model.out_channels=3", "model.out_channels is 3, but the data say 1"),
        ("stage.2.model.time_encoding=fourier", "time_encoding"),
        ("stage.2.dataset={type=\"digits\"}", "dataset is the same for all stages"),
        (
            "stage.2.low_resolution.num_train_timesteps=1000",
            "low_resolution.num_train_timesteps is 1000, but stage 1",
        ),
        ("stage.2.seed=3", "seed is the same for all stages"),
        ("dataset.reduce_to=4", "dataset.reduce_to"),
        ("dataset.channels=blue", "blue"),
        ("system=cascades", "\"latent\" or \"cascade\""),
        ("sead=3", "unknown field `sead`"),
    ];
    for (setting, expected) in cases {
        if let Some(system) = setting.strip_prefix("system=") {
            let other = CONFIG.replace("\"cascade\"", &format!("\"{system}\""));
            fs::write(place.0.path().join("tiny.toml"), other).unwrap();
            place.fails(&[], expected);
            fs::write(place.0.path().join("tiny.toml"), CONFIG).unwrap();
        } else {
            place.fails(&["--set", setting], expected);
        }
    }
    place.fails(&["--stage", "3"], "this cascade has stages 1 to 2");
    place.fails(&["--resume=10"], "add --stage N");
    assert!(!place.0.path().join("runs").exists(), "a mistake leaves nothing behind");
}

/// A stage that was trained with other keys or data does not become part of a cascade.
#[test]
fn a_cascade_that_lacks_a_stage_names_a_command_that_works() {
    let place = Place::new();
    let output = place.command(&["--run", "my cascade", "--stage", "1", "--steps", "2"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let command = "stage 2 is not trained yet: cargo xtask train --run 'my cascade' --resume\n";
    assert!(text.ends_with(command), "{text}");
    let mut resumed = Command::new(env!("CARGO_BIN_EXE_train"));
    resumed.current_dir(place.0.path()).args(["--run", "my cascade", "--resume", "--budget", "1ms"]);
    let output = resumed.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_stage_of_another_cascade_is_named() {
    let place = Place::new();
    place.succeeds(&["--stage", "1", "--steps", "2"]);
    let steps = ["--stage", "2", "--steps", "2", "--set"];
    let other = |setting| [&steps[..], &[setting]].concat();
    place.fails(
        &other("stage.1.model.channels=16"),
        "runs/tiny/stage-1 is a checkpoint of another cascade (model.channels: 8 -> 16)",
    );
    place.fails(&other("dataset.valid_fraction=0.2"), "dataset.valid_fraction");
    place.fails(
        &["--resume", "--set", "stage.1.model.channels=16"],
        "stage 1 of the cascade: the checkpoint was made with another configuration",
    );
    place.succeeds(&other("stage.1.train.sample_images=2"));
}

//! A run that was interrupted, killed or damaged goes on as if nothing had happened, or says why it does not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

const CONFIG: &str = r#"
seed = 3
[dataset]
type = "digits"
flip = true
[model]
channels = 8
channel_mult = [1]
num_res_blocks = 1
attention_resolutions = [8]
dropout = 0.1
[train]
steps = 200
batch_size = 2
grad_accumulation = 2
warmup_steps = 20
lr_schedule = "cosine"
eval_every = 70
eval_images = 8
checkpoint_every = 50
sample_images = 2
[sample]
solver = { type = "ddim" }
steps = 2
"#;

/// What a learned variance and timesteps by their losses add to that. The chain is so short that all of its timesteps are
/// known well before the end.
const LEARNED_VARIANCE: &str = r#"
[diffusion]
num_train_timesteps = 20
schedule = { type = "cosine" }
variance = "learned_range"
[eval]
every = 70
images = 2
evaluations = 3
"#;

/// A folder to run in, with the configuration in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self::with(CONFIG)
    }

    fn with(config: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("tiny.toml"), config).unwrap();
        Self(place)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command.current_dir(self.0.path()).arg("tiny.toml").args(args).env("RUST_BACKTRACE", "0");
        command
    }

    fn train(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn checkpoint(&self, step: usize) -> PathBuf {
        self.0.path().join(format!("runs/tiny/checkpoint/step-{step:08}"))
    }

    /// Weights, moving average, moments and schedule at a step: every tensor and scalar by its name.
    fn state(&self, step: usize) -> Vec<(String, Vec<u8>)> {
        let mut state = Vec::new();
        for file in ["model.bpk", "optim.bpk", "scheduler.bpk"] {
            let reader = burn_pack::Reader::from_file(self.checkpoint(step).join(file)).unwrap();
            for name in reader.tensor_names() {
                state.push((format!("{file} {name}"), reader.tensor_data(name).unwrap()));
            }
            state.push((format!("{file} scalars"), format!("{:?}", reader.scalars()).into_bytes()));
        }
        state.sort();
        state
    }
}

fn succeeds(output: Output) -> String {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    text
}

fn fails(output: Output, expected: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(expected), "expected `{expected}` in: {text}");
    assert!(!text.contains("panicked"), "{text}");
}

fn assert_same_state(a: &Place, b: &Place, step: usize) {
    let (a, b) = (a.state(step), b.state(step));
    let names = |state: &[(String, Vec<u8>)]| state.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    let moments = a.iter().filter(|(name, data)| name.contains("moment") && !data.is_empty()).count();
    assert!(moments > 10, "the optimizer's moments are part of the comparison: {:?}", names(&a));
    for ((name, a), (_, b)) in a.iter().zip(&b) {
        assert!(a == b, "{name} differs at step {step}");
    }
}

fn straight() -> Place {
    let place = Place::new();
    succeeds(place.train(&[]));
    place
}

#[test]
fn resumed_and_killed_runs_equal_an_uninterrupted_one_bit_for_bit() {
    let reference = straight();

    // 100 steps, then the rest. The learning rate depends on the last step, so it stops by Ctrl-C, not --steps.
    let halved = Place::new();
    let mut child = halved.command(&[]).spawn().unwrap();
    wait_for(&halved.checkpoint(100));
    // SIGINT asks for a checkpoint and an orderly end.
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(child.wait().unwrap().success());
    succeeds(halved.train(&["--resume=100"]));
    assert_same_state(&reference, &halved, 200);

    // Killed wherever it happens to be, three times over.
    let killed = Place::new();
    let seed = std::process::id().into();
    println!("moments of kill -9 drawn from seed {seed}");
    let mut moments = random::Seed(seed).stream("test/kill", 0);
    let mut kills = 0;
    for round in 0..3 {
        let args: &[&str] = if round == 0 { &[] } else { &["--resume"] };
        let mut child = killed.command(args).spawn().unwrap();
        wait_for(&killed.checkpoint(50));
        thread::sleep(Duration::from_millis(moments.below(700) as u64));
        kills += usize::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(kills > 0, "the run was over before it could be killed");
    succeeds(killed.train(&["--resume"]));
    assert_same_state(&reference, &killed, 200);
}

/// The losses by which timesteps are drawn are part of a checkpoint.
#[test]
fn a_run_that_draws_timesteps_by_their_losses_resumes_bit_for_bit() {
    let train = "[train]\nobjective = { type = \"vlb\" }\ntimesteps = \"loss_aware\"";
    let config = format!("{}{LEARNED_VARIANCE}", CONFIG.replace("[train]", train));
    let reference = Place::with(&config);
    let text = succeeds(reference.train(&[]));
    assert!(text.contains("step 140/200  validation loss") && text.contains(" bits/dim"), "{text}");
    let names: Vec<String> = reference.state(200).into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"model.bpk memory".to_owned()), "{names:?}");

    assert_same_state(&reference, &killed_half_way(&config), 200);
    let uniform = Place::with(&config.replace("timesteps = \"loss_aware\"", ""));
    succeeds(uniform.train(&[]));
    let weights = |place: &Place| {
        let state = place.state(200).into_iter();
        state.filter(|(name, _)| name.starts_with("model.bpk net")).collect::<Vec<_>>()
    };
    assert!(weights(&uniform) != weights(&reference), "by the end, losses decide");
}

/// What blocks compute again is what they computed, dropout included, and what is resumed keeps the strategy.
#[test]
fn a_run_that_computes_again_resumes_bit_for_bit() {
    let config = CONFIG.replace("[train]", "[train]\ngradient_checkpointing = true");
    let reference = Place::with(&config);
    succeeds(reference.train(&[]));
    assert_same_state(&reference, &killed_half_way(&config), 200);
}

/// Threads change nothing; instruction sets round products and sums together or one by one.
#[test]
fn one_thread_and_plainer_instructions_learn_the_same() {
    let with = |name: &str, value: &str| {
        let place = Place::new();
        let mut command = place.command(&["--set", "train.steps=5"]);
        succeeds(command.env(name, value).output().unwrap());
        place
    };
    let reference = with("RAYON_NUM_THREADS", "3");
    assert_same_state(&reference, &with("RAYON_NUM_THREADS", "1"), 5);
    let (best, plain) = (reference.state(5), with("ANNEAL_SIMD", "portable").state(5));
    let weights = |data: &[u8]| -> Vec<f32> {
        data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    let mut compared = 0;
    for ((name, a), (_, b)) in
        best.iter().zip(&plain).filter(|((name, _), _)| name.starts_with("model.bpk net"))
    {
        for (a, b) in weights(a).into_iter().zip(weights(b)) {
            assert!((a - b).abs() < 1e-4, "{name}: {a} is not {b}");
            compared += 1;
        }
    }
    assert!(compared > 1000, "{compared} weights");
}

/// A run that was killed and resumed.
fn killed_half_way(config: &str) -> Place {
    let place = Place::with(config);
    let mut child = place.command(&[]).spawn().unwrap();
    wait_for(&place.checkpoint(100));
    child.kill().unwrap();
    child.wait().unwrap();
    succeeds(place.train(&["--resume"]));
    place
}

fn wait_for(path: &Path) {
    for _ in 0..30_000 {
        // A kept-last checkpoint may already be gone again; any later one proves that it was there.
        let later = fs::read_dir(path.parent().unwrap()).into_iter().flatten().flatten();
        let name = path.file_name().unwrap().to_owned();
        if later.map(|entry| entry.file_name()).any(|entry| entry >= name && !is_hidden(&entry)) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("no checkpoint appeared at {}", path.display());
}

fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with('.')
}

#[test]
fn damage_is_named_and_the_checkpoint_before_still_loads() {
    let place = straight();
    let model = place.checkpoint(200).join("model.bpk");
    let whole = fs::read(&model).unwrap();

    fs::write(&model, &whole[..whole.len() / 2]).unwrap();
    fails(
        place.train(&["--resume"]),
        "model.bpk: its contents are not what was saved; go back to the one before it with `--resume=150`",
    );

    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    fs::write(&model, &flipped).unwrap();
    fails(place.train(&["--resume"]), "the checkpoint is damaged");

    fs::remove_file(&model).unwrap();
    fails(place.train(&["--resume"]), "the checkpoint is damaged");

    fs::write(place.checkpoint(200).join("meta.json"), "{").unwrap();
    fails(place.train(&["--resume"]), "meta.json");

    succeeds(place.train(&["--resume=150"]));
    assert_eq!(fs::read(&model).unwrap(), whole, "the same steps from the earlier checkpoint");
}

#[test]
fn what_does_not_fit_the_checkpoint_is_refused() {
    let place = straight();
    fails(place.train(&[]), "go on with it by adding `--resume`");
    fails(place.train(&["--resume=7"]), "no checkpoint of step 7");
    fails(place.train(&["--resume", "--set", "train.batch_size=8"]), "train.batch_size: 2 -> 8");
    fails(place.train(&["--resume", "--seed", "4"]), "seed: 3 -> 4");
    fails(place.train(&["--resume", "--set", "dataset.valid_fraction=0.2"]), "dataset.valid_fraction");
    fails(place.train(&["--resume", "--run", "other"]), "start the run without `--resume`");
}

#[test]
fn a_budget_stops_with_a_checkpoint_and_the_record_tells() {
    let place = Place::new();
    let text = succeeds(place.train(&["--budget", "300ms"]));
    assert!(text.contains("the time budget is used up"), "{text}");
    let record = fs::read_to_string(place.0.path().join("runs/tiny/record.json")).unwrap();
    assert!(record.contains("interrupted: the time budget is used up"), "{record}");
    assert!(record.contains("samples/step-"), "the last preview is of where it stopped: {record}");
    succeeds(place.train(&["--resume"]));
    let record = fs::read_to_string(place.0.path().join("runs/tiny/record.json")).unwrap();
    assert!(record.contains("\"status\": \"finished\"") && record.contains("\"steps\": 200"), "{record}");
}

//! Judging a run of latent diffusion, one that was trained for a few steps.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use burn::train::Interrupter;
use serde_json::Value;
use train::{DraftConfig, FirstStage, LatentSystem, RunDir, Session, System};

const FIRST_STAGE: &str = r#"
system = "autoencoder"
[dataset]
type = "digits"
[model]
latent = "kl"
[model.trunk]
latent_channels = 2
channels = 8
channel_mult = [1, 2]
num_res_blocks = 1
mid_attention = false
[train]
steps = 2
warmup_steps = 0
batch_size = 4
eval_images = 2
sample_images = 2
"#;

const LATENT: &str = r#"
system = "latent"
[dataset]
type = "digits"
[first_stage]
run = "ae"
[model]
channels = 8
channel_mult = [1]
num_res_blocks = 1
attention_resolutions = []
[train]
steps = 3
learning_rate = 0.05
warmup_steps = 0
batch_size = 4
eval_images = 2
sample_images = 2
cond_drop_prob = 0.5
ema_decay = 0.0
[sample]
solver = { type = "ddim" }
steps = 2
"#;

/// A folder with a run of latents, `run`.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.train::<FirstStage>("ae", FIRST_STAGE, &[]);
        let first_stage = format!("first_stage.run={:?}", place.0.path().join("ae"));
        place.train::<LatentSystem>("run", LATENT, &[first_stage]);
        place
    }

    fn train<S: System>(&self, run: &str, config: &str, settings: &[String]) {
        let path = self.0.path().join(format!("{run}.toml"));
        fs::write(&path, config).unwrap();
        let draft = DraftConfig::<S::Config>::read(&path, settings).unwrap();
        let splits = draft.dataset.open(false).unwrap();
        let session = Session::<S> {
            run: RunDir::new(self.0.path().join(run)),
            config: draft.resolve(&splits).unwrap(),
            splits,
            backend: backend::BackendName::Flex,
            device_index: 0,
            resume: None,
            budget: None,
            plain: true,
            interrupter: Interrupter::new(),
        };
        session.train().unwrap();
    }

    fn eval(&self, args: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eval"));
        command.current_dir(self.0.path()).args(["--run", "run"]).args(args.split_ascii_whitespace());
        command.env("RUST_BACKTRACE", "0").output().unwrap()
    }

    fn succeeds(&self, args: &str) -> String {
        let output = self.eval(args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, args: &str, expected: &str) {
        let output = self.eval(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{args} succeeded");
        assert!(text.contains(expected), "{args}: expected `{expected}` in: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }

    fn report(&self, out: &str) -> Value {
        fs::read_to_string(self.0.path().join(out).join("eval.json")).unwrap().parse().unwrap()
    }
}

/// The bytes of all images drawn below a folder, in order.
fn drawn(folder: &Path) -> Vec<u8> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let bytes = |path: &std::path::PathBuf| match path.is_dir() {
        true => drawn(path),
        false if path.extension().is_some_and(|end| end == "bytes") => fs::read(path).unwrap(),
        false => Vec::new(),
    };
    paths.iter().flat_map(bytes).collect()
}

/// What is drawn is images, whose size is that of the data; classes and guidance reach the network.
#[test]
fn images_of_latents_are_judged_whatever_the_batch() {
    let place = Place::new();
    let small = "--metrics mmd,memorisation --samples 6 --seeds 1";
    let text = place.succeeds(&format!("{small} --batch 6 --out whole"));
    assert!(text.contains("cost: 6 images to draw"), "{text}");
    place.succeeds(&format!("{small} --batch 4 --out parts"));
    assert_eq!(place.report("whole")["table"], place.report("parts")["table"]);
    let [whole, guided] = ["whole", "guided"].map(|out| place.0.path().join(out));
    assert_eq!(drawn(&whole).len(), 6 * 64);
    place.succeeds(&format!("{small} --guidance-scale 30 --out guided"));
    assert_ne!(drawn(&guided), drawn(&whole));

    place.fails("--metrics nll", "--metrics nll: a model of latents has no likelihood of pixels");
    place.fails("--weights raw", "--weights raw: of a model of latents only ema is judged");
    fs::remove_dir_all(place.0.path().join("ae")).unwrap();
    place.fails(small, "there is no trained first stage");
}

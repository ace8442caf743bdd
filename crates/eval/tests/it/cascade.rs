//! Judging a cascade, one that was trained for a few steps: the sweep over s, and the likelihood of a super-resolution stage.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use burn::train::Interrupter;
use serde_json::Value;
use train::cascade::{CascadeConfig, CascadeDir, CascadeSession};

const CONFIG: &str = r#"
system = "cascade"
[dataset]
type = "digits"
[stage.1]
resolution = 4
model = { channels = 8, channel_mult = [1], num_res_blocks = 1, attention_resolutions = [4] }
diffusion = { num_train_timesteps = 40, schedule = { type = "cosine" } }
train = { steps = 2, warmup_steps = 0, batch_size = 4, eval_images = 2, sample_images = 1, ema_decay = 0.0 }
sample = { steps = 3 }
[stage.2]
resolution = 8
model = { channels = 8, channel_mult = [1], num_res_blocks = 1, attention_resolutions = [8] }
low_resolution = { max_level = 20, level = 5 }
diffusion = { num_train_timesteps = 40, schedule = { type = "cosine" } }
train = { steps = 2, warmup_steps = 0, batch_size = 4, eval_images = 2, sample_images = 1, ema_decay = 0.0 }
sample = { solver = { type = "ddim" }, steps = 2 }
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.0.path().join("tiny.toml"), CONFIG).unwrap();
        place.train(None);
        place
    }

    fn train(&self, resume: Option<Option<usize>>) {
        let config = CascadeConfig::read(&self.0.path().join("tiny.toml"), &[]).unwrap();
        let splits = config.dataset().unwrap().open(false).unwrap();
        let (config, stages) = config.resolve(&splits).unwrap();
        let session = CascadeSession {
            run: CascadeDir::new(self.0.path().join("run")),
            config,
            stages,
            only: None,
            backend: backend::BackendName::Flex,
            device_index: 0,
            resume,
            budget: None,
            plain: true,
            interrupter: Interrupter::new(),
        };
        session.train(&mut |_| {}).unwrap();
    }

    fn eval(&self, args: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eval"));
        command.current_dir(self.0.path()).args(args.split_ascii_whitespace()).env("RUST_BACKTRACE", "0");
        command.output().unwrap()
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

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.path().join(file)).unwrap()
    }

    fn level(&self, file: &str) -> toml::Value {
        let config: toml::Table = self.read(file).parse().unwrap();
        let stage = config.get("stage").map_or(&config, |stages| stages["2"].as_table().unwrap());
        stage["low_resolution"]["level"].clone()
    }
}

/// What is missing is drawn again, the same for every s; the best is recorded, and a training that goes on leaves it.
#[test]
fn a_sweep_is_resumed_and_its_best_is_kept() {
    let place = Place::new();
    let sweep = "--run run --sweep s --levels 0,20 --samples 12 --batch 5 --seeds 2 --classifier-steps 6";
    let text = place.succeeds(sweep);
    assert!(text.contains("96 images are drawn"), "{text}");
    assert!(text.contains("8 small classifiers to train at most") || text.contains("9 small"), "{text}");
    let report = place.read("run/eval/sweep.json");
    let rows: Value = report.parse().unwrap();
    for row in rows.as_array().unwrap() {
        for input in ["generated", "real"] {
            assert!(row[input]["fd"][0].as_f64().unwrap() > 0.0, "{row}");
            assert!((0.0..=1.0).contains(&row[input]["cas"][0].as_f64().unwrap()), "{row}");
        }
    }
    let best = &rows.as_array().unwrap().iter().min_by(|a, b| {
        let of = |row: &Value| row["generated"]["fd"][0].as_f64().unwrap();
        of(a).total_cmp(&of(b))
    });
    let best = toml::Value::Integer(best.unwrap()["s"].as_i64().unwrap());
    assert_eq!(place.level("run/config.toml"), best);
    assert_eq!(place.level("run/stage-2/config.toml"), best, "one stage alone knows it too");

    let folder = only(&place.0.path().join("run/eval"), "sweep-");
    fs::remove_dir_all(folder.join("s-20-generated-seed-1")).unwrap();
    fs::write(folder.join("s-0-real-seed-0/images/00000005-00000010.bytes"), "cut").unwrap();
    fs::remove_file(only(&folder.join("s-0-real-seed-0"), "fd-")).unwrap();
    place.succeeds(sweep);
    assert_eq!(place.read("run/eval/sweep.json"), report);

    place.train(Some(None));
    assert_eq!(place.level("run/config.toml"), best, "the file says 5");
    assert_eq!(place.level("run/stage-2/config.toml"), best);
}

/// The one entry of a folder whose name begins so.
fn only(folder: &Path, start: &str) -> std::path::PathBuf {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(start);
    let found: Vec<_> = entries.filter(named).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

#[test]
fn a_stage_has_likelihoods_of_images_whose_small_versions_it_is_shown() {
    let place = Place::new();
    let args = "--run run/stage-2 --metrics nll,nll_exact --likelihoods 4 --seeds 1 --tolerance 0.05";
    let text = place.succeeds(args);
    assert!(text.contains("low-resolution versions are shown, augmented to s = 5"), "{text}");
    let report: Value = place.read("run/stage-2/eval/eval.json").parse().unwrap();
    for subject in ["ema", "raw"] {
        for name in ["bound, bits/dim", "exact nll, bits/dim", "exact nll with the last step, bits/dim"] {
            let rows = report["table"].as_array().unwrap();
            let row = rows.iter().find(|row| row["subject"] == subject && row["name"] == name);
            assert!(row.unwrap()["value"].as_f64().unwrap() > 1.0, "{subject}, {name}");
        }
    }
    place.fails("--run run/stage-2 --metrics fd", "--metrics fd: a super-resolution stage draws from images");
    place.fails("--run run", "is a cascade: add --sweep s, or give one of its stages, run/stage-1");
    place.fails("--run run/stage-2 --sweep s", "run/stage-2 is no cascade");
}

//! Drawing from a cascade as a user meets it, on one that was trained for six steps.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use burn::train::Interrupter;
use train::cascade::{Augmentation, CascadeConfig, CascadeDir, CascadeSession};

const CONFIG: &str = r#"
system = "cascade"
[dataset]
type = "digits"
[stage.1]
resolution = 4
model = { channels = 8, channel_mult = [1], num_res_blocks = 1, attention_resolutions = [4] }
diffusion = { num_train_timesteps = 200 }
train = { steps = 6, warmup_steps = 0, learning_rate = 0.02, batch_size = 4, eval_images = 2, sample_images = 1, ema_decay = 0.0 }
sample = { steps = 10 }
[stage.2]
resolution = 8
model = { channels = 8, channel_mult = [1], num_res_blocks = 1, attention_resolutions = [8] }
low_resolution = { max_level = 100, level = 20 }
train = { steps = 6, warmup_steps = 0, learning_rate = 0.02, batch_size = 4, eval_images = 2, sample_images = 1, ema_decay = 0.0 }
sample = { solver = { type = "ddim" }, steps = 3 }
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("tiny.toml");
        fs::write(&file, CONFIG).unwrap();
        let config = CascadeConfig::read(&file, &[]).unwrap();
        let splits = config.dataset().unwrap().open(false).unwrap();
        let (config, stages) = config.resolve(&splits).unwrap();
        let session = CascadeSession {
            run: CascadeDir::new(place.path().join("run")),
            config,
            stages,
            only: None,
            backend: backend::BackendName::Flex,
            device_index: 0,
            resume: None,
            budget: None,
            plain: true,
            interrupter: Interrupter::new(),
        };
        session.train(&mut |_| {}).unwrap();
        Self(place)
    }

    fn infer(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_infer"));
        command.current_dir(self.0.path()).args(args).env("RUST_BACKTRACE", "0").output().unwrap()
    }

    /// The pixels of the single images that are drawn, one below the other, and their width.
    fn drawn(&self, args: &str) -> (Vec<u8>, usize) {
        let args = args.split_ascii_whitespace().chain(["--out", "grid.png", "--separate", "single"]);
        let _ = fs::remove_dir_all(self.path("single"));
        let output = self.infer(&args.collect::<Vec<_>>());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut files: Vec<_> =
            fs::read_dir(self.path("single")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let images: Vec<_> = files.iter().map(|file| data::read_picture(file).unwrap()).collect();
        (images.iter().flat_map(|image| image.bytes().to_vec()).collect(), images[0].width())
    }

    fn fails(&self, args: &str, expected: &str) {
        let output = self.infer(&args.split_ascii_whitespace().collect::<Vec<_>>());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{args} succeeded");
        assert!(text.contains(expected), "{args}: expected `{expected}` in: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.0.path().join(file)
    }
}

#[test]
fn a_seed_is_one_picture_and_each_way_of_augmentation_another() {
    let place = Place::new();
    let (own, width) = place.drawn("--run run -n 3 --seed 5");
    assert!(own == place.drawn("--run run -n 3 --seed 5 --batch 2").0, "the batch changes nothing");
    assert!(own == place.drawn("--run run -n 3 --seed 5 --aug-level 20 --truncated=false").0);
    let stages = place.drawn("--run run -n 3 --seed 5 --stages");
    assert_eq!((stages.1, stages.0.len()), (2 * width, 2 * own.len()), "the stages lie side by side");
    let others = [
        "--seed 6",
        "--seed 5 --aug-level 0",
        "--seed 5 --truncated",
        "--seed 5 --steps 2",
        "--seed 5 --dynamic-threshold 0.5",
    ];
    for other in others {
        assert!(own != place.drawn(&format!("--run run -n 3 {other}")).0, "{other}");
    }
    // The first stage of a cascade draws what it draws alone: the left half, each of whose pixels is repeated.
    let alone = place.drawn("--run run/stage-1 -n 1 --seed 5");
    let beside = place.drawn("--run run -n 1 --seed 5 --stages");
    let rows = beside.0.chunks(beside.1).step_by(2);
    let left: Vec<u8> = rows.flat_map(|row| row[..width].iter().step_by(2).copied()).collect();
    assert_eq!((left, width), (alone.0, 2 * alone.1));

    CascadeDir::new(place.path("run"))
        .keep_augmentation(2, Augmentation { level: 0, truncated: false })
        .unwrap();
    assert!(place.drawn("--run run -n 3 --seed 5") == place.drawn("--run run -n 3 --seed 5 --aug-level 0"));
    assert!(own != place.drawn("--run run -n 3 --seed 5").0, "what was recorded is used");
}

#[test]
fn one_stage_enlarges_an_image() {
    let place = Place::new();
    place.drawn("--run run/stage-1 -n 1");
    fs::rename(place.path("grid.png"), place.path("small.png")).unwrap();
    let args = "--run run/stage-2 --upscale small.png -n 2 --seed 5";
    let drawn = place.drawn(&format!("{args} --label 3"));
    assert!(drawn == place.drawn(&format!("{args} --label 3 --batch 1")));
    assert!(drawn != place.drawn(&format!("{args} --label 3 --aug-level 90")));
    assert!(drawn != place.drawn(&format!("{args} --label 4")));
    place.fails(args, "say with --label");
    place.fails("--run run/stage-2", "add --upscale IMAGE");
    place.fails("--run run --upscale small.png", "name one super-resolution stage");
}

#[test]
fn what_does_not_belong_to_the_cascade_is_refused() {
    let place = Place::new();
    place.fails("--run run --aug-level 101", "--aug-level 101: this stage was trained with s from 0 to 100");
    place.fails("--run run --aug-level 1,2", "2 of them for 1 super-resolution stages");
    place.fails("--run run --truncated --aug-level 0", "--aug-level 0: truncated sampling");
    place.fails(
        "--run run/stage-2 --upscale small.png --stages",
        "--stages: a stage of a cascade does not use it",
    );
    place
        .fails("--run run --strength 0.3 --init-image small.png", "does not use it: it is for single models");
    place.fails("--run run --animate a.png", "--animate: a cascade does not use it: it is for single models");
    place.fails(
        "--run run/stage-1 --stages",
        "--stages: a run that draws pixels does not use it: it is for cascades",
    );

    let edit = |file: &str, from: &str, to: &str| {
        let text = fs::read_to_string(place.path(file)).unwrap();
        assert!(text.contains(from), "{file}");
        fs::write(place.path(file), text.replace(from, to)).unwrap();
    };
    let other = "run/stage-2 is a checkpoint of another cascade";
    edit("run/stage-2/config.toml", "max_level = 100", "max_level = 90");
    place.fails("--run run", &format!("{other} (low_resolution.max_level: 100 -> 90)"));
    edit("run/stage-2/config.toml", "max_level = 90", "max_level = 100");
    edit("run/stage-2/record.json", "\"dataset\": \"", "\"dataset\": \"0");
    place.fails("--run run", &format!("{other} (trained on another data set)"));
    edit("run/stage-2/record.json", "\"dataset\": \"0", "\"dataset\": \"");
    fs::copy(place.path("run/stage-1/config.toml"), place.path("run/stage-2/config.toml")).unwrap();
    place.fails("--run run", other);
    fs::remove_dir_all(Path::new(&place.path("run/stage-2"))).unwrap();
    place.fails("--run run", "has no trained stage 2: train it with `cargo xtask train --run run --resume`");
}

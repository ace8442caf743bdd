//! Judging runs whose folder changes, whose data are few, and whose results cannot be kept.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use burn::train::Interrupter;
use serde_json::Value;
use train::{DraftConfig, Objective, RunDir, Session};

const CONFIG: &str = r#"
[dataset]
type = "digits"
[model]
channels = 8
channel_mult = [1]
num_res_blocks = 1
attention_resolutions = []
[train]
steps = 2
batch_size = 4
warmup_steps = 0
eval_images = 2
sample_images = 1
[sample]
solver = { type = "ddim" }
steps = 2
"#;

/// A folder with a run in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new(config: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run.toml");
        fs::write(&path, config).unwrap();
        let draft: DraftConfig = DraftConfig::read(&path, &[]).unwrap();
        let splits = draft.dataset.open(false).unwrap();
        let session = Session::<Objective> {
            run: RunDir::new(place.path().join("run")),
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
        Self(place)
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eval"));
        command.current_dir(self.0.path()).args(["--run", "run"]).args(args.split_ascii_whitespace());
        command.env("RUST_BACKTRACE", "0");
        command
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// As a training removes old checkpoints while they are judged.
#[test]
fn a_checkpoint_may_go_once_it_is_judged() {
    let place = Place::new(CONFIG);
    let command = &mut place.command("--metrics mmd --samples 4 --seeds 1");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 && !line.contains("results: ") {}
    fs::remove_dir_all(place.0.path().join("run/checkpoint")).unwrap();
    fs::remove_file(place.0.path().join("run/ema.bpk")).unwrap();
    lines.read_to_string(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{line}{}", text(&output));
    let report: Value =
        fs::read_to_string(place.0.path().join("run/eval/eval.json")).unwrap().parse().unwrap();
    assert!(report["weights"]["ema"].is_string() && report["weights"]["raw"].is_string(), "{report}");
}

#[test]
fn what_cannot_be_kept_is_found_before_the_work() {
    let place = Place::new(CONFIG);
    let file = place.0.path().join("there");
    fs::write(&file, "").unwrap();
    for out in ["there", "there/in", "/proc/x"] {
        let output = place.command(&format!("--metrics fd --samples 4 --out {out}")).output().unwrap();
        let text = text(&output);
        assert!(!output.status.success() && text.contains("name a folder with --out"), "{text}");
        assert!(!text.contains("cost:"), "{text}");
    }
    fs::write(place.0.path().join("runs"), "").unwrap();
    let output = place.command("--metrics fd --samples 4").output().unwrap();
    let text = text(&output);
    assert!(text.contains("the in-house classifier cannot be kept") && !text.contains("cost:"), "{text}");
}

/// Six points of which the halves have three: what needs more is left out, and said so.
#[test]
fn too_few_images_are_found_before_the_work() {
    let place = tempfile::tempdir().unwrap();
    let pictures = place.path().join("pictures/only");
    fs::create_dir_all(&pictures).unwrap();
    for index in 0..6 {
        picture(&pictures.join(format!("{index}.png")), index);
    }
    let data = format!("type = \"folder\"\npath = {:?}\nvalid_fraction = 0.0", place.path().join("pictures"));
    let place = Place::new(&CONFIG.replace("type = \"digits\"", &data));
    let small = "--samples 8 --seeds 1 --classifier-steps 4 --weights ema";
    let output = place.command(small).output().unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    let few = "the smaller half of the training images has 3: use a data set of";
    assert!(text.contains(&format!("without pr: it needs 4 images, and {few} 8 training images")), "{text}");
    assert!(text.contains(&format!("without dc: it needs 6 images, and {few} 12 training images")), "{text}");
    assert!(text.contains("FD-inhouse") && text.contains("report: "), "{text}");
    for (args, expected) in [
        ("--metrics dc", "--metrics dc: it needs 6 images"),
        ("--metrics pr --samples 3", "--metrics pr: it needs 4 images: raise --samples, which is 3"),
    ] {
        let output = place.command(args).output().unwrap();
        let text = self::text(&output);
        assert!(!output.status.success() && text.contains(expected) && !text.contains("cost:"), "{text}");
    }
}

#[test]
fn no_number_of_images_is_too_large_to_state_its_cost() {
    let place = Place::new(CONFIG);
    let args = "--dry-run --metrics mmd --samples 18446744073709551615";
    let output = place.command(args).output().unwrap();
    assert!(output.status.success() && text(&output).contains(" years at "), "{}", text(&output));
}

/// An 8x8 grey picture.
fn picture(path: &Path, index: u8) {
    let bytes = (0..64).map(|pixel: u8| pixel.wrapping_mul(3 + index)).collect();
    data::Picture::from_bytes(8, 8, 1, bytes).write_png(path, &[]).unwrap();
}

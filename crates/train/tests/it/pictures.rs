//! Folders of pictures as the `train` program meets them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use data::Picture;

const CONFIG: &str = r#"
[dataset]
type = "folder"
path = "pictures"
valid_fraction = 0.0
[model]
channels = 8
channel_mult = [1]
num_res_blocks = 1
attention_resolutions = []
[train]
steps = 1
batch_size = 2
eval_every = 1
checkpoint_every = 1
sample_images = 2
[sample]
solver = { type = "ddim" }
steps = 1
"#;

/// A folder to run in, with four pictures of 8x8 and labels 0, 5, 5 and 7.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("pictures")).unwrap();
        fs::write(place.path("tiny.toml"), CONFIG).unwrap();
        (0..4).for_each(|number| place.picture(number, number as u8));
        let lines = [0, 5, 5, 7].iter().enumerate();
        let lines = lines.map(|(i, label)| format!("{{\"file_name\": \"{i}.png\", \"label\": {label}}}\n"));
        fs::write(place.path("pictures/metadata.jsonl"), lines.collect::<String>()).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn picture(&self, number: usize, grey: u8) {
        let path = self.path(&format!("pictures/{number}.png"));
        Picture::filled(8, 8, &[grey]).write_png(&path, &[]).unwrap();
    }

    fn train(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command.current_dir(self.0.path()).arg("tiny.toml").args(args).env("RUST_BACKTRACE", "0");
        command.output().unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn classes_without_images_are_named_and_stand_in_the_configuration() {
    let place = Place::new();
    let output = place.train(&[]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("warning: 5 of 8 classes have no training image: 1, 2, 3, 2 more"), "{said}");
    let config = fs::read_to_string(place.path("runs/tiny/config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    assert_eq!(config["empty_classes"], toml::Value::from(vec![1, 2, 3, 4, 6]));
    // A run that began before this was recorded goes on.
    let meta = place.path("runs/tiny/checkpoint/step-00000001/meta.json");
    let mut told: serde_json::Value = serde_json::from_slice(&fs::read(&meta).unwrap()).unwrap();
    assert!(told.as_object_mut().unwrap().remove("sha256").is_some());
    assert!(told["config"].as_object_mut().unwrap().remove("empty_classes").is_some());
    fs::write(&meta, told.to_string()).unwrap();
    let resumed = place.train(&["--resume", "--steps", "2"]);
    assert!(resumed.status.success(), "{}", stderr(&resumed));
}

#[test]
fn a_run_does_not_go_on_with_other_pictures_of_the_same_size() {
    let place = Place::new();
    assert!(place.train(&[]).status.success());
    let size = || fs::metadata(place.path("pictures/2.png")).unwrap().len();
    let before = size();
    place.picture(2, 9);
    assert_eq!(size(), before);
    let resumed = place.train(&["--resume", "--steps", "2"]);
    assert!(stderr(&resumed).contains("the data set has changed since the checkpoint was made"));
    place.picture(2, 2);
    assert!(place.train(&["--resume", "--steps", "2"]).status.success());
}

#[test]
fn what_is_skipped_is_named_without_the_advice_to_skip_it() {
    let place = Place::new();
    fs::write(place.path("pictures/1.png"), b"nothing").unwrap();
    assert!(stderr(&place.train(&[])).contains("or pass --skip-bad to go on without it"));
    let output = place.train(&["--skip-bad"]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("warning: skipped 1 of 4 images: pictures/1.png: "), "{said}");
    assert!(!said.contains("--skip-bad"), "{said}");
}

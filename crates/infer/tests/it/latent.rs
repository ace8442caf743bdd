//! Runs of latent diffusion draw what words say, through their first stage.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use burn::train::Interrupter;
use data::Picture;
use train::{DraftConfig, FirstStage, LatentSystem, RunDir, Session, System};

const FIRST_STAGE: &str = r#"
system = "autoencoder"
dataset = { type = "folder", path = "FOLDER/squares" }
[model]
latent = "kl"
trunk = { latent_channels = 2, channels = 8, channel_mult = [1, 2], num_res_blocks = 1, mid_attention = false }
[train]
steps = 2
batch_size = 4
eval_images = 1
sample_images = 1
"#;

const LATENT: &str = r#"
system = "latent"
dataset = { type = "folder", path = "FOLDER/squares" }
first_stage = { run = "FOLDER/ae" }
text = { context = 4, encoder = { channels = 8, layers = 1, heads = 2 } }
[model]
channels = 8
channel_mult = [1]
num_res_blocks = 1
attention_resolutions = []
down_blocks = [{ resample = "conv", cross = { transformer = { depths = [1], heads = 2 } } }]
up_blocks = [{ resample = "conv", cross = { transformer = { depths = [1], heads = 2 } } }]
[train]
steps = 20
learning_rate = 0.01
batch_size = 4
warmup_steps = 0
ema_decay = 0.5
eval_images = 1
sample_images = 1
[sample]
solver = { type = "ddim" }
steps = 2
"#;

/// A folder with squares, `ae` and `ldm`.
fn trained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("squares")).unwrap();
    let mut lines = String::new();
    for (number, (name, colour)) in [("red", [250, 0, 0]), ("blue", [0, 0, 250])].repeat(4).iter().enumerate()
    {
        let path = folder.path().join(format!("squares/{number}.png"));
        Picture::filled(8, 8, colour).write_png(&path, &[]).unwrap();
        lines += &format!("{{\"file_name\": \"{number}.png\", \"text\": \"{name} square\"}}\n");
    }
    fs::write(folder.path().join("squares/metadata.jsonl"), lines).unwrap();
    train::<FirstStage>(folder.path(), "ae", FIRST_STAGE);
    train::<LatentSystem>(folder.path(), "ldm", LATENT);
    folder
}

fn train<S: System>(folder: &Path, run: &str, config: &str) {
    let path = folder.join(format!("{run}.toml"));
    fs::write(&path, config.replace("FOLDER", folder.to_str().unwrap())).unwrap();
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
    command.current_dir(folder).args(["--run", "ldm", "--out", "out.png"]).args(args).output().unwrap()
}

/// The picture, and what was said.
fn draws(folder: &Path, args: &[&str]) -> (Vec<u8>, String) {
    let output = infer(folder, args);
    let text = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert!(output.status.success(), "{text}");
    (data::read_picture(&folder.join("out.png")).unwrap().bytes().to_vec(), text)
}

#[test]
fn words_decide_what_is_drawn() {
    let folder = trained();
    let folder = folder.path();
    let guided = |prompt| draws(folder, &["--prompt", prompt, "--guidance-scale", "50", "-n", "1"]).0;
    let red = guided("red square");
    assert!(red == guided("Red, SQUARE!"), "only words count");
    assert!(red != guided("blue square"));
    let (both, text) = draws(folder, &["--prompt", "red", "--prompt", "blue", "--negative", "green"]);
    assert!(text.contains("2 images: out.png") && text.contains("negative: green"), "{text}");
    assert!(text.contains("no caption of this run's data has green of \"green\""), "{text}");
    assert!(both.len() > red.len());

    let (_, text) = draws(folder, &["--prompt", "red", "--init-image", "squares/0.png"]);
    assert!(text.contains("strength: 0.5"), "{text}");
}

#[test]
fn what_does_not_fit_is_named() {
    let folder = trained();
    let folder = folder.path();
    let fails = |args: &[&str], expected: &str| {
        let output = infer(folder, args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(expected), "expected `{expected}` in: {text}");
    };
    fails(&[], "this run draws what a text says: add --prompt");
    fails(&["--label", "1"], "this run knows no classes");
    fails(&["--prompt", "red", "--size", "64"], "--size belongs to folders of pipelines");
    fails(&["--prompt", "red", "--negative", "a", "--negative", "b"], "--negative: a run takes one");

    let config: PathBuf = folder.join("ldm/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let scale = text.lines().find(|line| line.starts_with("scale = ")).unwrap();
    fs::write(&config, text.replace(scale, "scale = 77.0")).unwrap();
    fails(
        &["--prompt", "red"],
        "the scale of the latents does not fit: first_stage.scale has 77, but it is ",
    );
    fs::write(&config, &text).unwrap();
    fs::write(folder.join("ae/ema.bpk"), "another").unwrap();
    fails(&["--prompt", "red"], "first_stage.weights: the weights of");
}

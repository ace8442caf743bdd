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
    infer_from(folder, "ldm", args)
}

fn infer_from(folder: &Path, run: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_infer"));
    command.current_dir(folder).args(["--run", run, "--out", "out.png"]).args(args).output().unwrap()
}

/// The pixels of the images, and what was said.
fn draws(folder: &Path, args: &[&str]) -> (Vec<u8>, String) {
    draws_from(folder, "ldm", args)
}

fn draws_from(folder: &Path, run: &str, args: &[&str]) -> (Vec<u8>, String) {
    let single = folder.join("single");
    let _ = fs::remove_dir_all(&single);
    let output = infer_from(folder, run, &[args, &["--separate", single.to_str().unwrap()]].concat());
    let text = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert!(output.status.success(), "{text}");
    (single_images(&single), text)
}

/// The pixels of the single images of a folder, one after the other.
fn single_images(folder: &Path) -> Vec<u8> {
    let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| data::read_picture(file).unwrap().bytes().to_vec()).collect()
}

#[test]
fn words_decide_what_is_drawn() {
    let folder = trained();
    let folder = folder.path();
    let guided = |prompt| draws(folder, &["--prompt", prompt, "--guidance-scale", "50", "-n", "1"]).0;
    let red = guided("red square");
    assert!(red == guided("Red, SQUARE!"), "only words count");
    assert!(red != guided("blue square"));
    let (both, text) = draws(
        folder,
        &["--prompt", "red", "--prompt", "blue", "--negative", "green", "--guidance-scale", "2"],
    );
    assert!(text.contains("2 images: out.png") && text.contains("negative: green"), "{text}");
    assert!(text.contains("no caption of this run's data has green of \"green\""), "{text}");
    assert!(both.len() > red.len());

    let (_, text) = draws(folder, &["--prompt", "red", "--init-image", "squares/0.png"]);
    assert!(text.contains("strength: 0.5"), "{text}");
}

#[test]
fn an_empty_prompt_is_guided_nowhere_and_a_long_one_is_cut() {
    let folder = trained();
    let folder = folder.path();
    let empty = |scale| draws(folder, &["--prompt", "", "--guidance-scale", scale]).0;
    assert!(empty("50") == empty("3"), "what is guided away from is the same");
    let (long, text) = draws(folder, &["--prompt", "red red red red square"]);
    assert!(text.contains("the last 2 tokens of \"red red red red square\" are left out"), "{text}");
    assert!(long == draws(folder, &["--prompt", "red red red"]).0);
}

#[test]
fn a_walk_between_prompts_begins_and_ends_at_them() {
    let folder = trained();
    let folder = folder.path();
    let [red, blue] = ["red square", "blue square"];
    let args = ["--prompt", red, "--prompt", blue, "--between", "-n", "3"];
    let (walk, text) = draws(folder, &args);
    assert!(text.contains("between: the prompts"), "{text}");
    let images: Vec<&[u8]> = walk.chunks(walk.len() / 3).collect();
    for (prompt, number) in [(red, 0), (blue, 2)] {
        assert!(draws(folder, &["--prompt", prompt]).0 == images[number], "{prompt}");
    }
    assert!(images[1] != images[0]);
    let output = infer(folder, &["--prompt", red, "--between", "-n", "3"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("--between walks from one prompt to another"), "{text}");
}

#[test]
fn a_network_that_is_shown_images_is_given_them() {
    let folder = trained();
    let folder = folder.path();
    for concat in ["inpainting", "super_resolution"] {
        let config =
            LATENT.replace("system = \"latent\"", &format!("system = \"latent\"\nconcat = \"{concat}\""));
        train::<LatentSystem>(folder, concat, &config);
    }
    let half = [[0, 0, 0], [255, 255, 255]].map(|colour| [colour; 4].concat()).concat().repeat(8);
    Picture::from_bytes(8, 8, 3, half).write_png(&folder.join("mask.png"), &[]).unwrap();
    let fails = |run, args: &[&str], expected: &str| {
        let output = infer_from(folder, run, &[&["--prompt", "red"], args].concat());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(expected), "expected `{expected}` in: {text}");
    };
    let image = ["--init-image", "squares/0.png"];
    let masked = [&image[..], &["--mask", "mask.png"]].concat();
    fails("inpainting", &[], "this run fills a mask: add --init-image FILE --mask FILE");
    fails("inpainting", &image, "this run fills a mask");
    fails(
        "inpainting",
        &[&masked[..], &["--strength", "0.5"]].concat(),
        "--strength: a run that draws latents does not use it: its network is shown the image",
    );
    fails("super_resolution", &[], "this run enlarges an image of 4x4: add --init-image FILE");
    fails(
        "super_resolution",
        &masked,
        "--mask: a run that draws latents does not use it: this run enlarges an image",
    );

    let draws = |run, args: &[&str]| draws_from(folder, run, &[&["--prompt", "red"], args].concat());
    let (red, text) = draws("inpainting", &masked);
    assert!(text.contains("mask: mask.png") && text.contains("init_image: squares/0.png"), "{text}");
    let blue = draws("inpainting", &["--init-image", "squares/1.png", "--mask", "mask.png"]).0;
    assert!(red != blue, "what is shown is seen");
    let enlarged = draws("super_resolution", &image).0;
    assert!(enlarged != draws("super_resolution", &["--init-image", "squares/1.png"]).0);
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
    fails(
        &["--prompt", "red", "--tile", "64"],
        "--tile: a run that draws latents does not use it: it belongs to folders of pipelines",
    );
    fails(&["--prompt", "red", "--negative", "blue"], "with a guidance scale of 1 nothing is guided");
    fails(&["--prompt", "red", "--dynamic-threshold", "0.9"], "it draws latents, which are not limited");
    let two = ["--prompt", "red", "--guidance-scale", "2", "--negative", "a", "--negative", "b"];
    fails(&two, "--negative: a run takes one");

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

//! Latent diffusion goes on as if it had not stopped, and notices what changes under it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use autoencoder::{KlConfig, LatentScale, TrunkConfig};
use burn::prelude::Device;
use data::Picture;
use layout::{KlFolder, write_clip_text};
use text::{ClipTextConfig, EndToken};

const FIRST_STAGE: &str = r#"
system = "autoencoder"
[dataset]
type = "folder"
path = "squares"
[model]
latent = "kl"
[model.trunk]
latent_channels = 2
channels = 8
channel_mult = [1, 2]
num_res_blocks = 1
mid_attention = false
[train]
steps = 3
batch_size = 4
eval_images = 2
sample_images = 2
"#;

const LATENT: &str = r#"
system = "latent"
[dataset]
type = "folder"
path = "squares"
flip = true
[first_stage]
run = "runs/ae"
[text]
context = 4
[text.encoder]
channels = 8
layers = 1
heads = 2
[model]
channels = 8
channel_mult = [1]
num_res_blocks = 1
attention_resolutions = []
down_blocks = [{ resample = "conv", cross = { transformer = { depths = [1], heads = 2 } } }]
up_blocks = [{ resample = "conv", cross = { transformer = { depths = [1], heads = 2 } } }]
mid = "plain"
[train]
steps = 20
batch_size = 4
warmup_steps = 0
cond_drop_prob = 0.3
eval_every = 10
eval_images = 2
checkpoint_every = 10
sample_images = 2
sample_guidance_scale = 2.0
[sample]
solver = { type = "ddim" }
steps = 2
"#;

/// A folder with squares, their captions, and both configurations.
struct Place(tempfile::TempDir);

impl Place {
    /// With a trained first stage.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("ae.toml", FIRST_STAGE);
        place.write("ldm.toml", LATENT);
        fs::create_dir(place.path("squares")).unwrap();
        let mut lines = String::new();
        for number in 0..8_u8 {
            let (colour, name) =
                if number % 2 == 0 { ([250 - number, 0, 0], "red") } else { ([0, 0, 250], "blue") };
            place.square(number, &colour);
            lines += &format!("{{\"file_name\": \"{number}.png\", \"text\": \"{name} square\"}}\n");
        }
        place.write("squares/metadata.jsonl", &lines);
        succeeds(place.train("ae", &[]));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn square(&self, number: u8, colour: &[u8; 3]) {
        let path = self.path(&format!("squares/{number}.png"));
        Picture::filled(8, 8, colour).write_png(&path, &[]).unwrap();
    }

    fn train(&self, config: &str, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command.current_dir(self.0.path()).arg(format!("{config}.toml")).args(args);
        command.env("RUST_BACKTRACE", "0").output().unwrap()
    }

    /// A folder of the diffusers library with an autoencoder, and a tokenizer and a text encoder of so many tokens.
    fn diffusers(&self, tokens: usize) {
        let trunk = TrunkConfig {
            latent_channels: 2,
            channels: 8,
            channel_mult: vec![1, 2],
            mid_attention: false,
            ..TrunkConfig::default()
        };
        let (device, config) = (Device::flex(), KlConfig { trunk, ..KlConfig::default() });
        let network = config.init(&device, 1).unwrap();
        let scale = LatentScale::uniform(1.0);
        KlFolder { network, config, scale, sample_size: 8, force_upcast: false }
            .write(&self.path("sd/vae"))
            .unwrap();
        let config = ClipTextConfig {
            vocabulary: tokens,
            context: 6,
            channels: 8,
            inner: 12,
            layers: 1,
            heads: 2,
            end_token: EndToken::Largest,
            ..ClipTextConfig::default()
        };
        write_clip_text(&self.path("sd/text_encoder"), &config.init(&device, 2).unwrap(), &config).unwrap();
        fs::create_dir_all(self.path("sd/tokenizer")).unwrap();
        let letters = "abcdefghijklmnopqrstuvwxyz".chars();
        let pieces = letters.flat_map(|letter| [format!("{letter}"), format!("{letter}</w>")]);
        let pieces = pieces.chain(["<|startoftext|>".into(), "<|endoftext|>".into()]);
        let entries: Vec<String> =
            pieces.enumerate().map(|(id, piece)| format!("\"{piece}\": {id}")).collect();
        self.write("sd/tokenizer/vocab.json", &format!("{{{}}}", entries.join(", ")));
        self.write("sd/tokenizer/merges.txt", "#version: 0.2\n");
    }

    /// Changes a file of the run.
    fn edit(&self, name: &str, change: impl Fn(&str) -> String) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        self.write(name, &change(&text));
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

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
    let place = Place::new();
    let text = succeeds(place.train("ldm", &["--run", "whole"]));
    assert!(text.contains("encoding 15 images once"), "7 are trained on, mirrored too, 1 is not: {text}");
    succeeds(place.train("ldm", &["--run", "halves", "--steps", "10"]));
    let text = succeeds(place.train("ldm", &["--run", "halves", "--resume"]));
    assert!(!text.contains("encoding"), "{text}");
    for file in ["ema.bpk", "checkpoint/step-00000020/model.bpk"] {
        let [whole, halves] = ["whole", "halves"].map(|run| read(&place.path(&format!("runs/{run}/{file}"))));
        assert!(whole == halves, "{file}");
    }
    // As new.
    fs::remove_file(place.path("runs/halves/latents.safetensors")).unwrap();
    succeeds(place.train("ldm", &["--run", "halves", "--resume=10"]));
    let latents =
        ["whole", "halves"].map(|run| read(&place.path(&format!("runs/{run}/latents.safetensors"))));
    assert!(latents[0] == latents[1]);
}

#[test]
fn what_changes_under_a_run_is_named() {
    let place = Place::new();
    succeeds(place.train("ldm", &["--steps", "10"]));
    let resume = || place.train("ldm", &["--resume"]);

    let meta = "runs/ldm/checkpoint/step-00000010/meta.json";
    let whole = read(&place.path(meta));
    // As earlier versions wrote it, without its own hash.
    place.edit(meta, |text| {
        let text: String = text.lines().filter(|line| !line.contains("\"sha256\"")).collect();
        let (before, after) = text.split_once("\"scale\": ").unwrap();
        let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap();
        format!("{before}\"scale\": 7.5{}", &after[end..])
    });
    fails(resume(), "the checkpoint has 7.5, but it is ");
    fs::write(place.path(meta), whole).unwrap();
    fails(
        place.train("ldm", &["--run", "other", "--set", "first_stage.scale=7.5"]),
        "first_stage.scale has 7.5, but it is ",
    );

    // As long as before.
    let (before, path) = (read(&place.path("squares/3.png")), place.path("squares/3.png"));
    place.square(3, &[0, 0, 249]);
    assert_eq!((before.len(), before == read(&path)), (read(&path).len(), false));
    fails(resume(), "the data set has changed since the checkpoint was made");
    fs::remove_dir_all(place.path("runs/ldm/checkpoint")).unwrap();
    let text = succeeds(place.train("ldm", &["--steps", "10"]));
    assert!(text.contains("latents.safetensors: made of other images: made anew"), "{text}");

    fs::remove_dir_all(place.path("runs/ae")).unwrap();
    fails(resume(), "first_stage.run = runs/ae: there is no trained first stage: train one with");
    succeeds(place.train("ae", &["--seed", "5"]));
    fails(resume(), "first_stage.weights: ");
    fails(
        place.train("ldm", &["--set", &format!("first_stage.weights={}", "0".repeat(64)), "--run", "new"]),
        "first_stage.weights: the weights of first_stage.run = runs/ae have changed since",
    );
}

#[test]
fn what_does_not_fit_is_named_before_any_work() {
    let place = Place::new();
    let cases: [(&[&str], &str); 5] = [
        (
            &["dataset.image_size=7"],
            "images are 7x7, which the factor 2 of first_stage.run = runs/ae does not divide",
        ),
        (
            &["dataset.channels=grey"],
            "the channels of images are 1, but first_stage.run = runs/ae was trained with 3",
        ),
        (&["model.context.channels=16"], "model.context.channels is 16, but text.encoder.channels 8"),
        (
            &["model.down_blocks=[{resample=\"conv\"}]", "model.up_blocks=[{resample=\"conv\"}]"],
            "[text]: no block",
        ),
        (&["train.objective={type=\"vlb\"}"], "the variational bound is one of bytes, not of latents"),
    ];
    for (settings, expected) in cases {
        let args: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        fails(place.train("ldm", &args), expected);
    }
    place.edit("squares/metadata.jsonl", |text| {
        text.lines().map(|line| format!("{}}}\n", line.split(", \"text\"").next().unwrap())).collect()
    });
    fails(place.train("ldm", &[]), "[text]: the data set has no captions");
    assert!(!place.path("runs/ldm").exists());
}

/// The configuration with parts of the folder `sd` instead of a run's first stage and of words.
fn of_folder() -> String {
    let (before, after) = LATENT.split_once("[text]").unwrap();
    let (_, after) = after.split_once("[model]").unwrap();
    format!("{before}[text]\nmodel = \"sd\"\n[model]{after}").replace("run = \"runs/ae\"", "model = \"sd\"")
}

#[test]
fn parts_of_a_folder_stand_in_a_run_and_are_not_trained() {
    let place = Place::new();
    place.diffusers(54);
    place.write("ldm.toml", &of_folder());
    succeeds(place.train("ldm", &["--run", "whole"]));
    succeeds(place.train("ldm", &["--run", "halves", "--steps", "10"]));
    succeeds(place.train("ldm", &["--run", "halves", "--resume"]));
    let [whole, halves] = ["whole", "halves"].map(|run| read(&place.path(&format!("runs/{run}/ema.bpk"))));
    assert!(whole == halves);
    let config = fs::read_to_string(place.path("runs/whole/config.toml")).unwrap();
    assert!(config.contains("model = \"sd\"") && config.contains("channels = 8"), "{config}");
    assert!(!place.path("runs/whole/words.json").exists());

    let refused = |settings: &[&str], expected: &str| {
        let args: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        fails(place.train("ldm", &[&["--run", "other"], &args[..]].concat()), expected);
    };
    refused(&["text.context=7"], "text.context is 7, but it reads up to 6 tokens");
    refused(
        &["text.max_words=3"],
        "max_words and encoder are of words, but model names a pretrained encoder",
    );
    refused(
        &["model.context.channels=16"],
        "model.context.channels is 16, but the encoder of text.model has 8",
    );
    refused(&["first_stage.run=runs/ae"], "first_stage: run and model are both given: leave one out");
    refused(&["text.model=nowhere"], "text.model = nowhere");
    refused(
        &["first_stage.model=sd/tokenizer"],
        "first_stage.model = sd/tokenizer: there is no config.json in it",
    );

    let resume = || place.train("ldm", &["--run", "halves", "--resume=10"]);
    place.diffusers(55);
    fails(resume(), "another configuration (text.weights: ");
    place.diffusers(53);
    refused(
        &[],
        "sd/tokenizer: the tokenizer has 54 tokens, but its encoder only 53: they are not of one model",
    );
    place.diffusers(54);
    succeeds(resume());
    place.edit("sd/vae/config.json", |text| text.replace("AutoencoderKL", "AutoencoderTiny"));
    refused(&[], "_class_name = AutoencoderTiny is not supported");
    fs::remove_file(place.path("sd/vae/config.json")).unwrap();
    refused(&[], "first_stage.model = sd: there is no config.json in it, nor in its vae or vqvae");
}

#[test]
fn a_network_that_is_shown_images_resumes_bit_for_bit() {
    let place = Place::new();
    for concat in ["inpainting", "super_resolution"] {
        let set = format!("concat={concat}");
        let train = |args: &[&str]| succeeds(place.train("ldm", &[args, &["--set", &set]].concat()));
        let [whole, halves] = [format!("{concat}-whole"), format!("{concat}-halves")];
        train(&["--run", &whole]);
        train(&["--run", &halves, "--steps", "10"]);
        train(&["--run", &halves, "--resume"]);
        for file in ["ema.bpk", "samples/step-00000020.png"] {
            let [whole, halves] =
                [&whole, &halves].map(|run| read(&place.path(&format!("runs/{run}/{file}"))));
            assert!(whole == halves, "{concat}: {file}");
        }
    }
    let config = fs::read_to_string(place.path("runs/inpainting-whole/config.toml")).unwrap();
    assert!(config.contains("in_channels = 5") && config.contains("out_channels = 2"), "{config}");
    fails(place.train("ldm", &["--set", "concat=depth"]), "unknown variant `depth`");
    fails(
        place.train("ldm", &["--set", "model.in_channels=2", "--set", "concat=inpainting"]),
        "model.in_channels is 2",
    );
}

//! Training an autoencoder: what comes of it, resuming, and what does not fit.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const CONFIG: &str = r#"
system = "autoencoder"
seed = 3
[dataset]
type = "digits"
[model]
latent = "vq"
codes = 16
[model.trunk]
latent_channels = 2
channels = 8
channel_mult = [1, 2]
[perceptual]
weight = 0.5
network = { type = "classifier", steps = 3 }
[adversarial]
start = 6
[adversarial.discriminator]
channels = 16
halvings = 1
[train]
steps = 24
batch_size = 4
grad_accumulation = 2
learning_rate = 2e-3
warmup_steps = 0
eval_every = 12
eval_images = 8
checkpoint_every = 12
sample_images = 6
"#;

fn train(folder: &Path, config: &str, args: &[&str]) -> Output {
    fs::write(folder.join("tiny.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.current_dir(folder).arg("tiny.toml").arg("--plain").args(args).output().unwrap()
}

fn succeeds(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

const AVERAGES: &str = "[regularization]\ncodebook_decay = 0.9\n";

/// Also across the step at which the discriminator is first heard, and with averages that each step goes on from.
#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    let [straight, resumed] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let config = format!("{CONFIG}{AVERAGES}");
    let text = succeeds(train(straight.path(), &config, &[]));
    assert!(text.contains("training a classifier of 10 classes for the perceptual loss"), "{text}");
    assert!(text.contains("PSNR: ") && text.contains("SSIM: ") && text.contains("latent scale: "), "{text}");
    succeeds(train(resumed.path(), &config, &["--steps=3"]));
    succeeds(train(resumed.path(), &config, &["--resume"]));
    let weights = |folder: &Path, file: &str| fs::read(folder.join("runs/tiny").join(file)).unwrap();
    for file in ["checkpoint/step-00000024/model.bpk", "ema.bpk"] {
        assert!(weights(straight.path(), file) == weights(resumed.path(), file), "{file} differs");
    }
    let sample = "samples/step-00000024.png";
    assert!(weights(straight.path(), sample) == weights(resumed.path(), sample), "{sample} differs");
    let perceptual = resumed.path().join("runs/tiny/perceptual.bpk");
    fs::write(&perceptual, "another").unwrap();
    let output = train(resumed.path(), &config, &["--resume=12"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("the run was begun with another network: put it back"), "{text}");
    // The discriminator is no part of the picture, but of the state.
    let without = config.replace("start = 6", "start = 60");
    let other = tempfile::tempdir().unwrap();
    succeeds(train(other.path(), &without, &[]));
    assert!(weights(straight.path(), "ema.bpk") != weights(other.path(), "ema.bpk"));
    let gradients = tempfile::tempdir().unwrap();
    succeeds(train(gradients.path(), CONFIG, &[]));
    assert!(weights(straight.path(), "ema.bpk") != weights(gradients.path(), "ema.bpk"));
}

#[test]
fn a_gaussian_latent_learns() {
    let folder = tempfile::tempdir().unwrap();
    let config = CONFIG.replace("\"vq\"\ncodes = 16", "\"kl\"").replace("steps = 24", "steps = 80");
    let recomputed = "train.gradient_checkpointing=true";
    let args = ["--set", "train.ema_decay=0.9", "--set", recomputed];
    let text = succeeds(train(folder.path(), &config, &args));
    let losses: Vec<f64> = (text.lines())
        .filter_map(|line| line.split_once("validation loss ")?.1.split_whitespace().next()?.parse().ok())
        .collect();
    assert!(losses.len() > 3 && losses[losses.len() - 1] < 0.8 * losses[0], "{losses:?}");
}

#[test]
fn what_does_not_fit_is_named_before_any_work() {
    let cases = [
        (
            "channel_mult = [1, 2]",
            "channel_mult = [1, 1, 1, 1, 1]",
            "images are 8x8, which 16 does not divide",
        ),
        ("channel_mult = [1, 2]", "channel_mult = []", "[model]: channel_mult is empty"),
        ("channel_mult = [1, 2]", "channel_mult = [9223372036854775807]", "[model]: channel_mult is 9223"),
        ("codes = 16", "codes = 0", "[model]: codes is 0; use at least 1"),
        ("latent = \"vq\"", "latent = \"ae\"", "unknown variant `ae`"),
        ("start = 6", "begin = 6", "unknown field `begin`"),
        ("halvings = 1", "halvings = 9", "[adversarial]: discriminator.halvings = 9: it must be from 1 to 6"),
        (
            "batch_size = 4",
            "batch_size = 4\ncond_drop_prob = 0.5",
            "cond_drop_prob is of systems with classes",
        ),
        (
            "[perceptual]",
            "[regularization]\ncodebook_decay = 1.0\n[perceptual]",
            "codebook_decay = 1: it must be",
        ),
        (
            "latent = \"vq\"\ncodes = 16",
            "latent = \"kl\"\n[regularization]\ncodebook_decay = 0.9",
            "[regularization]: codebook_decay: model.latent = \"kl\" has no codebook",
        ),
        ("weight = 0.5", "weight = -0.5", "[perceptual]: weight = -0.5: it must be at least 0"),
        ("steps = 3", "steps = 0", "[perceptual]: network.steps is 0"),
        (
            "\"classifier\", steps = 3",
            "\"lpips\", vgg = \"a.pth\", heads = \"b.pth\"",
            "images are 8x8, but LPIPS takes 16 pixels at least",
        ),
        (
            "type = \"digits\"\n[model]\nlatent = \"vq\"\ncodes = 16\n[model.trunk]\nlatent_channels = 2\nchannels = 8\n\
             channel_mult = [1, 2]\n[perceptual]\nweight = 0.5\nnetwork = { type = \"classifier\", steps = 3 }",
            "type = \"digits\"\nimage_size = 16\n[model]\nlatent = \"kl\"\n[perceptual]\nnetwork = { type = \"lpips\", \
             vgg = \"a.pth\", heads = \"b.pth\" }",
            "perceptual.network.vgg: failed to read a.pth",
        ),
        ("latent_channels = 2", "in_channels = 3", "model.in_channels is 3, but the data say 1"),
        ("system = \"autoencoder\"", "system = \"encoder\"", "use \"dpm\", \"autoencoder\""),
    ];
    for (old, new, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let output = train(folder.path(), &CONFIG.replace(old, new), &[]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{new}: {text}");
        assert!(text.contains(expected), "{new}: {text}");
        assert!(!folder.path().join("runs").exists(), "{new}");
    }
}

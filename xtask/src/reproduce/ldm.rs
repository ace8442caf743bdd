//! What Rombach et al. 2022 (arXiv 2112.10752) found of downsampling factors, on the embedded digits, and of latents against
//! pixels, on MNIST.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::evaluation::{Evaluation, Figure};
use super::{Claim, Row, Step, Table};
use crate::cargo::root;

/// The two kinds of latent, and what makes the configuration one of each.
const KINDS: [(&str, &[&str]); 2] = [("kl", &[]), ("vq", &["model.latent=vq", "model.codes=256"])];
/// Factors, with the levels that give them and the channels of the latent, which grow with the factor as in the paper.
const FACTORS: [(usize, &str, &str); 4] = [
    (1, "model.trunk.channel_mult=[1]", "model.trunk.latent_channels=1"),
    (2, "model.trunk.channel_mult=[1,2]", "model.trunk.latent_channels=2"),
    (4, "model.trunk.channel_mult=[1,2,2]", "model.trunk.latent_channels=4"),
    (8, "model.trunk.channel_mult=[1,2,2,2]", "model.trunk.latent_channels=16"),
];
/// rFID and PSNR that were published, by kind and factor: on ImageNet, of networks with attention where there are two.
const PUBLISHED: [(&str, usize, f64, f64); 4] =
    [("kl", 4, 0.27, 27.53), ("kl", 8, 0.90, 24.19), ("vq", 4, 0.58, 27.43), ("vq", 8, 1.14, 23.07)];
/// Steps of a first stage.
const STAGE_STEPS: &str = "train.steps=300";

/// MNIST's test images, four fifths of them to learn from: pictures large enough for latents to save work.
const MNIST: &str = concat!(
    r#"dataset={type="idx",images="datasets/mnist/t10k-images-idx3-ubyte.gz","#,
    r#"labels="datasets/mnist/t10k-labels-idx1-ubyte.gz",valid_fraction=0.2,pad_to=32}"#
);
/// The first stage whose latents are learnt, and its steps.
const FIRST_STAGE: &str = "reproduce-ldm-first-stage";
const FIRST_STAGE_STEPS: &str = "train.steps=1000";
/// Steps in which both rivals take about as many processor minutes.
const LATENTS: Rival = Rival {
    name: "diffusion of latents, KL, f=4",
    config: "configs/mnist-ldm.toml",
    run: "latents",
    steps: 1000,
};
const PIXELS: Rival =
    Rival { name: "diffusion of pixels", config: "configs/mnist-ddpm.toml", run: "pixels", steps: 400 };

/// A model that is compared with another whose training took as many processor minutes.
struct Rival {
    name: &'static str,
    config: &'static str,
    run: &'static str,
    steps: usize,
}

impl Rival {
    fn run(&self) -> String {
        format!("reproduce-ldm-{}", self.run)
    }

    fn training(&self, replaced: &[&str]) -> Step {
        let steps = format!("train.steps={}", self.steps);
        Step::train(self.config, &self.run(), &[&[MNIST, &steps], replaced].concat())
    }

    fn quality(&self) -> Evaluation {
        Evaluation::of(
            &self.run(),
            "eval",
            "--weights ema --metrics fd --samples 250 --seeds 2 --sampler ddim --steps 25",
        )
    }

    /// How good its images are, and what its training took.
    fn rows(&self) -> Result<[Row; 2]> {
        let quality = self.quality().row(self.distance(), Figure::Distance, None)?;
        Ok([quality, cpu_minutes(self.name, &self.run())?])
    }

    fn distance(&self) -> String {
        format!("{}: FD-inhouse", self.name)
    }
}

/// The table.
pub fn table() -> Table {
    let first_stage = format!("first_stage.run=runs/{FIRST_STAGE}");
    let rivals = [
        Step::train("configs/mnist-ae-kl.toml", FIRST_STAGE, &[MNIST, FIRST_STAGE_STEPS]),
        LATENTS.training(&[&first_stage]),
        LATENTS.quality().step,
        PIXELS.training(&[]),
        PIXELS.quality().step,
    ];
    let stages = KINDS.iter().flat_map(|kind| {
        FACTORS.iter().flat_map(move |factor| {
            let run = stage_run(kind.0, factor.0);
            let replaced = [kind.1, &[factor.1, factor.2, STAGE_STEPS]].concat();
            [Step::train("configs/digits-ae-kl.toml", &run, &replaced), judged_stage(&run)]
        })
    });
    Table {
        name: "ldm",
        about: "Autoencoders of the embedded 8x8 digits by downsampling factor f and kind of latent (Rombach et al. 2022, table 8), \
                and diffusion of latents against that of pixels, of MNIST's test images at 32x32, whose trainings take about \
                as many processor minutes (section 4.1, where latents win by an FID of 38 after equally many steps; the \
                minutes are beside the figures, and those of the first stage apart). Published figures are of ImageNet, their \
                FD being FID: only the order can be compared.",
        hours: 0.5,
        steps: stages.chain(rivals).collect(),
        rows,
        claims: |_| {
            let text = "in as many processor minutes, diffusion of latents learns to draw better than that of pixels";
            vec![Claim::less(text, LATENTS.distance(), PIXELS.distance())]
        },
    }
}

fn stage_run(kind: &str, factor: usize) -> String {
    format!("reproduce-ldm-{kind}-f{factor}")
}

fn judged_stage(run: &str) -> Step {
    Step::eval(run, &format!("runs/{run}/eval"), "")
}

fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (kind, _) in KINDS {
        for (factor, ..) in FACTORS {
            let run = stage_run(kind, factor);
            let published = PUBLISHED.iter().find(|row| (row.0, row.1) == (kind, factor));
            let named = [
                ("FD-inhouse", "FD-inhouse", published.map(|row| row.2)),
                ("PSNR, dB", "dB", published.map(|row| row.3)),
                ("SSIM", "", None),
            ];
            let found = read(&run, "eval/eval.json")?;
            let called = format!("autoencoder, {}, f={factor}", kind.to_uppercase());
            rows.extend(figures(&found, "reconstructions", &called, &named, &judged_stage(&run).command()));
        }
    }
    rows.extend(LATENTS.rows()?);
    rows.push(cpu_minutes("their first stage", FIRST_STAGE)?);
    rows.extend(PIXELS.rows()?);
    Ok(rows)
}

/// What the training of a run took.
fn cpu_minutes(name: &str, run: &str) -> Result<Row> {
    let record = read(run, "record.json")?;
    let seconds = record["cpu_seconds"].as_f64().context("no cpu_seconds in record.json")?;
    Ok(Row {
        name: format!("{name}: training"),
        value: seconds / 60.0,
        stderr: None,
        published: None,
        unit: "processor minutes".into(),
        command: format!("cat runs/{run}/record.json"),
    })
}

fn read(run: &str, file: &str) -> Result<Value> {
    let path = root().join("runs").join(run).join(Path::new(file));
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    text.parse().with_context(|| format!("failed to read {}", path.display()))
}

/// Figures of a subject: the row of `eval.json`, its unit, and what was published of it.
fn figures(
    found: &Value,
    subject: &str,
    called: &str,
    named: &[(&str, &str, Option<f64>)],
    command: &str,
) -> Vec<Row> {
    let table: Vec<&Value> = found["table"].as_array().into_iter().flatten().collect();
    let row = |&(name, unit, published): &(&str, &str, Option<f64>)| {
        let figure = table.iter().find(|row| row["subject"] == subject && row["name"] == name)?;
        Some(Row {
            name: format!("{called}: {}", name.split(',').next().unwrap_or(name)),
            value: figure["value"].as_f64()?,
            stderr: figure["stderr"].as_f64(),
            published,
            unit: unit.into(),
            command: command.into(),
        })
    };
    named.iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_reconstructions_stand_beside_the_published_ones() {
        let found = r#"{"table": [
            {"subject": "training images", "name": "FD-inhouse", "value": 0.5, "stderr": null},
            {"subject": "reconstructions", "name": "FD-inhouse", "value": 3.5, "stderr": null},
            {"subject": "reconstructions", "name": "PSNR, dB", "value": 22.5, "stderr": 0.25}
        ]}"#
        .parse()
        .unwrap();
        let named = [("FD-inhouse", "FD-inhouse", Some(0.27)), ("PSNR, dB", "dB", None), ("SSIM", "", None)];
        let rows = figures(&found, "reconstructions", "KL, f=4", &named, "x");
        let read: Vec<_> =
            rows.iter().map(|row| (row.name.as_str(), row.value, row.stderr, row.published)).collect();
        let expected =
            [("KL, f=4: FD-inhouse", 3.5, None, Some(0.27)), ("KL, f=4: PSNR", 22.5, Some(0.25), None)];
        assert_eq!(read, expected);
    }
}

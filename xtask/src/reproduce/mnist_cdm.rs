//! What Ho et al. 2021 (arXiv 2106.15282) found of conditioning augmentation on ImageNet, on small MNIST.

use anyhow::{Context, Result};
use serde_json::Value;

use super::evaluation::{Evaluation, Figure};
use super::{Claim, Row, Step, Table};

/// The cascade with augmentation, without, and one model of the same images.
const CASCADE: &str = "configs/mnist-cdm-small.toml";
const AUGMENTED: &str = "reproduce-mnist-cdm";
const PLAIN: &str = "reproduce-mnist-cdm-plain";
const ALONE: &str = "reproduce-mnist-cdm-alone";
/// Keys by which the second stage is trained on images as they are.
const AS_THEY_ARE: [&str; 2] = ["stage.2.low_resolution.max_level=0", "stage.2.low_resolution.level=0"];
/// The second stage of the cascade as a model by itself: the keys in which it is not `mnist-iddpm-small`.
const SINGLE: &str = "configs/mnist-iddpm-small.toml";
const AS_THE_SECOND_STAGE: [&str; 10] = [
    "dataset.reduce_to=16",
    "model.attention_resolutions=[8]",
    "model.scale_shift=false",
    "diffusion.num_train_timesteps=1000",
    "diffusion.variance=fixed_large",
    "train.objective.type=simple",
    "train.timesteps=continuous",
    "train.cond_drop_prob=0.0",
    "sample.solver={type=\"ddim\"}",
    "sample.steps=25",
];
/// The s that are tried.
const LEVELS: [usize; 4] = [0, 25, 50, 100];
/// How much is drawn of each, and how long each classifier is trained.
const DRAWN: &str = "--samples 500 --seeds 3 --batch 125 --classifier-steps 300";
/// FID of ImageNet 16x16 -> 64x64: without a cascade, with one without augmentation, and with the best of the s tried.
const PUBLISHED: [f64; 3] = [2.35, 6.02, 2.13];

/// The table.
pub fn table() -> Table {
    let [augmented, plain, alone] = evaluations().map(|evaluation| evaluation.step);
    Table {
        name: "mnist-cdm",
        about: "Conditioning augmentation on MNIST's test images, 8x8 -> 16x16: a cascade without it (s = 0) is worse than no \
                cascade, with the right s it is better, and on real low-resolution input quality falls as s grows (Ho et al. \
                2021, tables 3 and 4). s counts in a chain of 250 steps. One training each, every stage as long as the model \
                without a cascade; errors are those between three sets of 500 drawn images. FD-inhouse is the less the better; CAS \
                is the accuracy on real images of a classifier trained on the drawn ones. Published figures are FIDs of \
                ImageNet: only the order can be compared.",
        hours: 0.5,
        steps: vec![
            Step::train(CASCADE, AUGMENTED, &[]),
            augmented,
            Step::train(CASCADE, PLAIN, &AS_THEY_ARE),
            plain,
            Step::train(SINGLE, ALONE, &AS_THE_SECOND_STAGE),
            alone,
        ],
        rows,
        claims,
    }
}

/// Of the cascade with augmentation, of that without, and of the single model.
fn evaluations() -> [Evaluation; 3] {
    let sweep = |run: &str, levels: &[usize]| {
        let levels: Vec<String> = levels.iter().map(usize::to_string).collect();
        Evaluation::of(run, "eval", &format!("--sweep s --levels {} {DRAWN}", levels.join(",")))
    };
    let single = Evaluation::of(ALONE, "eval", &format!("--metrics fd,cas --weights ema {DRAWN}"));
    [sweep(AUGMENTED, &LEVELS), sweep(PLAIN, &[0]), single]
}

const NO_CASCADE: &str = "no cascade";
const WITHOUT: &str = "trained without augmentation, s = 0, whole cascade";

fn rows() -> Result<Vec<Row>> {
    let [augmented, plain, alone] = evaluations();
    let mut rows = vec![
        alone.row(NO_CASCADE.into(), Figure::Distance, Some(PUBLISHED[0]))?,
        alone.row(format!("{NO_CASCADE}: CAS"), Figure::Cas, None)?,
    ];
    for (name, sweep) in [("trained without augmentation", plain), ("with augmentation", augmented)] {
        let found = sweep.read("sweep.json")?;
        rows.extend(swept(name, &found, &sweep.step.command()).context("a sweep of another version")?);
    }
    let best = best(&rows).map(|row| row.name.clone());
    for row in &mut rows {
        match &row.name {
            name if name == WITHOUT => row.published = Some(PUBLISHED[1]),
            name if Some(name) == best.as_ref() => row.published = Some(PUBLISHED[2]),
            _ => {}
        }
    }
    Ok(rows)
}

/// The rows of a sweep: generated and real low-resolution images at each s.
fn swept(name: &str, sweep: &Value, command: &str) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    for (unit, key) in [("FD-inhouse", "fd"), ("CAS", "cas")] {
        for (input, called) in [("generated", "whole cascade"), ("real", "real input")] {
            for row in sweep.as_array()? {
                let found = &row[input][key];
                let cas = if key == "cas" { ": CAS" } else { "" };
                rows.push(Row {
                    name: format!("{name}, s = {}, {called}{cas}", row["s"]),
                    value: found[0].as_f64()?,
                    stderr: found[1].as_f64(),
                    published: None,
                    unit: unit.into(),
                    command: command.into(),
                });
            }
        }
    }
    Some(rows)
}

fn whole(s: usize) -> String {
    format!("with augmentation, s = {s}, whole cascade")
}

fn real(s: usize) -> String {
    format!("with augmentation, s = {s}, real input")
}

/// The row of the s whose drawn images are best.
fn best(rows: &[Row]) -> Option<&Row> {
    let tried = LEVELS.map(whole);
    rows.iter().filter(|row| tried.contains(&row.name)).min_by(|a, b| a.value.total_cmp(&b.value))
}

fn claims(rows: &[Row]) -> Vec<Claim> {
    let best = best(rows).map_or_else(|| whole(LEVELS[0]), |row| row.name.clone());
    let mut claims = vec![
        Claim::less("a cascade without augmentation is worse than none", NO_CASCADE.into(), WITHOUT.into()),
        Claim::less("with the best s it is better than none", best.clone(), NO_CASCADE.into()),
        Claim::less("with the best s it is better than without augmentation", best.clone(), WITHOUT.into()),
        Claim::less("of the network that learnt all s, the best is better than s = 0", best, whole(0)),
    ];
    for pair in LEVELS.windows(2) {
        let text = format!("on real input s = {} is worse than s = {}", pair[1], pair[0]);
        claims.push(Claim::less(text, real(pair[0]), real(pair[1])));
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_has_four_rows_for_each_level() {
        let sweep = r#"[{"s": 0, "generated": {"fd": [3.5, 0.5], "cas": [0.7, 0.01]},
                         "real": {"fd": [1.0, 0.1], "cas": [0.9, 0.02]}}]"#;
        let rows = swept("a", &sweep.parse().unwrap(), "b").unwrap();
        let read: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.value, row.stderr)).collect();
        assert_eq!(
            read,
            [
                ("a, s = 0, whole cascade", 3.5, Some(0.5)),
                ("a, s = 0, real input", 1.0, Some(0.1)),
                ("a, s = 0, whole cascade: CAS", 0.7, Some(0.01)),
                ("a, s = 0, real input: CAS", 0.9, Some(0.02)),
            ]
        );
    }

    #[test]
    fn the_best_s_is_that_of_the_least_distance() {
        let row = |name: String, value: f64| Row {
            name,
            value,
            stderr: None,
            published: None,
            unit: String::new(),
            command: String::new(),
        };
        let rows = [row(whole(0), 3.0), row(whole(50), 1.0), row(real(0), 0.5), row(WITHOUT.into(), 0.1)];
        assert_eq!(best(&rows), Some(&rows[1]));
        assert_eq!(claims(&rows)[1].less, whole(50));
    }
}

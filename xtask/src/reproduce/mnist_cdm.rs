//! What Ho et al. 2021 (arXiv 2106.15282) found of conditioning augmentation on ImageNet, on MNIST.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Row, Step, Table};
use crate::cargo::root;

/// The cascade with augmentation, without, and one model of the same images.
const RUNS: [&str; 3] = ["reproduce-mnist-cdm", "reproduce-mnist-cdm-plain", "reproduce-mnist-no-cascade"];
/// Keys by which stages are trained on images as they are.
const PLAIN: [&str; 5] = [
    "stage.2.low_resolution.max_level=0",
    "stage.2.low_resolution.level=0",
    "stage.3.low_resolution.max_level=0",
    "stage.3.low_resolution.level=0",
    "stage.3.low_resolution.blur_prob=0.0",
];
/// Keys by which one model is trained as the last stage is, but for what it is shown.
const ALONE: [&str; 3] =
    ["diffusion.schedule={type=\"cosine\"}", "train.timesteps=continuous", "train.cond_drop_prob=0.0"];
/// How much is drawn of each.
const DRAWN: &str = "--samples 1000 --seeds 3";

/// The table.
pub fn table() -> Table {
    let [augmented, plain, alone] = RUNS;
    let mut steps = vec![
        Step::train("configs/mnist-cdm.toml", augmented, &[]),
        Step::train("configs/mnist-cdm.toml", plain, &PLAIN),
        Step::train("configs/mnist-ddpm.toml", alone, &ALONE),
    ];
    steps.extend(evaluations());
    Table {
        name: "mnist-cdm",
        about: "Conditioning augmentation on MNIST: a cascade without it (s = 0) is worse than no cascade, with the right s \
                it is better, and on real low-resolution input quality falls as s grows (Ho et al. 2021, tables 3 and 4). \
                Published figures are FIDs of ImageNet: only the order can be compared.",
        hours: 5.0,
        steps,
        rows,
    }
}

fn evaluations() -> [Step; 3] {
    let [augmented, plain, alone] = RUNS;
    let eval = |run: &str, more: &str| Step::eval(run, &out(run), &format!("{more} {DRAWN}"));
    [
        eval(augmented, "--sweep s --levels 0,25,50,100,200,300,400,500"),
        eval(plain, "--sweep s --levels 0"),
        eval(alone, "--metrics fd --weights ema"),
    ]
}

fn out(run: &str) -> String {
    format!("runs/{run}/eval-{}", DRAWN.replace("--", "").replace(' ', "-"))
}

fn rows() -> Result<Vec<Row>> {
    let [augmented, plain, alone] = evaluations().map(|step| step.command());
    let mut rows = figures_alone(&read(RUNS[2], "eval.json")?, &alone);
    rows.extend(figures("trained without augmentation", &read(RUNS[1], "sweep.json")?, &plain));
    rows.extend(figures("with augmentation", &read(RUNS[0], "sweep.json")?, &augmented));
    Ok(rows)
}

fn read(run: &str, file: &str) -> Result<Value> {
    let path = root().join(out(run)).join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    text.parse().with_context(|| format!("failed to read {}", path.display()))
}

fn figures_alone(found: &Value, command: &str) -> Vec<Row> {
    let figures = found["table"].as_array().into_iter().flatten();
    let ours = figures.filter(|row| row["subject"] == "ema" && row["name"] == "FD-inhouse");
    let row = |row: &Value| {
        Some(figure("no cascade".into(), row["value"].as_f64()?, row["stderr"].as_f64(), command))
    };
    ours.filter_map(row).collect()
}

/// The rows of a sweep: generated and real low-resolution images at each s.
fn figures(name: &str, sweep: &Value, command: &str) -> Vec<Row> {
    let of = |row: &Value, key: &str, called: &str| {
        let name = format!("{name}, s = {}, {called}", row["s"]);
        Some(figure(name, row[key][0].as_f64()?, row[key][1].as_f64(), command))
    };
    let rows = sweep.as_array().into_iter().flatten();
    rows.flat_map(|row| [of(row, "generated", "whole cascade"), of(row, "real", "real input")])
        .flatten()
        .collect()
}

fn figure(name: String, value: f64, stderr: Option<f64>, command: &str) -> Row {
    Row { name, value, stderr, published: None, unit: "FD-inhouse".into(), command: command.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_has_two_rows_for_each_level() {
        let sweep = r#"[{"s": 0, "generated": [3.5, 0.5], "real": [1.0, 0.1]}]"#.parse().unwrap();
        let rows = figures("a", &sweep, "b");
        let read: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.value, row.stderr)).collect();
        assert_eq!(
            read,
            [("a, s = 0, whole cascade", 3.5, Some(0.5)), ("a, s = 0, real input", 1.0, Some(0.1))]
        );
    }
}

//! What Nichol & Dhariwal 2021 (arXiv 2102.09672) and Ho et al. 2020 (arXiv 2006.11239) found on CIFAR-10 and ImageNet, on
//! MNIST.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Row, Step, Table};
use crate::cargo::root;

/// Objectives: name, and keys of the configuration to replace.
const OBJECTIVES: [(&str, &[&str]); 5] = [
    ("eps-simple", &["train.objective.type=simple", FIXED]),
    ("eps-hybrid", &[]),
    ("vlb", &["train.objective.type=vlb", "train.timesteps=loss_aware"]),
    ("x0-simple", &["train.objective.type=simple", FIXED, "diffusion.parameterization=x0"]),
    ("v-simple", &["train.objective.type=simple", FIXED, "diffusion.parameterization=v"]),
];
/// An objective that trains no variance has none to train.
const FIXED: &str = "diffusion.variance=fixed_large";
/// What is trained.
const CONFIG: &str = "configs/mnist-iddpm.toml";
/// Sampling steps at which quality is measured.
const STEPS: [usize; 3] = [10, 20, 50];
/// What is read of every evaluation: the row of `eval.json`, and its unit.
const FIGURES: [(&str, &str); 2] = [("FD-inhouse", "FD-inhouse"), ("bound, bits/dim", "bits/dim")];

/// The table.
pub fn table() -> Table {
    let train = OBJECTIVES.iter().map(|(name, keys)| Step::train(CONFIG, &format!("reproduce-{name}"), keys));
    Table {
        name: "mnist-iddpm",
        about: "Objectives and variances on MNIST: the hybrid objective lowers the bound at equal quality, a learnt \
                variance keeps quality over few steps (Nichol & Dhariwal 2021, tables 1 and 2, figure 8), and eps with \
                L_simple beats other objectives (Ho et al. 2020, table 2). Published figures are of CIFAR-10: only the \
                order can be compared.",
        hours: 7.5,
        steps: train.chain(evaluations().map(|(_, evaluation)| evaluation.step)).collect(),
        rows,
    }
}

/// The evaluations, each with what it is called: likelihood, then quality at each number of steps.
fn evaluations() -> impl Iterator<Item = (String, Evaluation)> {
    let likelihood = "--metrics nll --likelihoods 32 --seeds 1".to_owned();
    let quality =
        |steps| format!("--metrics fd --samples 2000 --seeds 3 --sampler ancestral --steps {steps}");
    OBJECTIVES.into_iter().flat_map(move |(name, _)| {
        let qualities =
            STEPS.map(|steps| (format!("{name}, {steps} steps"), format!("eval-{steps}"), quality(steps)));
        std::iter::once((name.to_owned(), "eval-nll".to_owned(), likelihood.clone())).chain(qualities).map(
            move |(called, folder, more)| {
                let run = format!("reproduce-{name}");
                let out = format!("runs/{run}/{folder}");
                (called, Evaluation { step: Step::eval(&run, &out, &format!("--weights ema {more}")), out })
            },
        )
    })
}

/// A command that evaluates, and where its report goes.
struct Evaluation {
    step: Step,
    out: String,
}

fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, Evaluation { step, out }) in evaluations() {
        let path = root().join(out).join("eval.json");
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let found: Value = text.parse().with_context(|| format!("failed to read {}", path.display()))?;
        rows.extend(figures(&found, &name, &step.command()));
    }
    Ok(rows)
}

/// The figures of the averaged weights in an evaluation.
fn figures(found: &Value, name: &str, command: &str) -> Vec<Row> {
    let figures = found["table"].as_array().into_iter().flatten();
    let row = |figure: &Value| {
        let (_, unit) = FIGURES.into_iter().find(|(row, _)| figure["name"] == *row)?;
        Some(Row {
            name: name.into(),
            value: figure["value"].as_f64()?,
            stderr: figure["stderr"].as_f64(),
            published: None,
            unit: unit.into(),
            command: command.into(),
        })
    };
    figures.filter(|figure| figure["subject"] == "ema").filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_the_model_are_read() {
        let found: Value = r#"{"table": [
            {"subject": "test images", "name": "FD-inhouse", "value": 1.0, "stderr": null, "seeds": 1},
            {"subject": "ema", "name": "FD-inhouse", "value": 5.5, "stderr": 0.5, "seeds": 3},
            {"subject": "ema", "name": "precision", "value": 0.5, "stderr": 0.5, "seeds": 3}
        ]}"#
        .parse()
        .unwrap();
        let rows = figures(&found, "a", "b");
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].value, rows[0].stderr, rows[0].unit.as_str()), (5.5, Some(0.5), "FD-inhouse"));
    }
}

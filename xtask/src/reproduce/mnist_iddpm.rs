//! What Nichol & Dhariwal 2021 (arXiv 2102.09672) and Ho et al. 2020 (arXiv 2006.11239) found on CIFAR-10 and ImageNet, on
//! MNIST.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Row, Step, Table};
use crate::cargo::root;

/// Objectives: name, and keys of `configs/mnist-iddpm-small.toml` to replace.
const OBJECTIVES: [(&str, &[&str]); 5] = [
    ("eps-simple", &["diffusion.objective.type=simple"]),
    ("eps-hybrid", &["diffusion.objective.type=hybrid"]),
    ("vlb", &["diffusion.objective.type=vlb", "train.timesteps=loss_aware"]),
    ("x0-simple", &["diffusion.objective.type=simple", "diffusion.parameterization.type=x0"]),
    ("v-simple", &["diffusion.objective.type=simple", "diffusion.parameterization.type=v"]),
];
/// Sampling steps at which quality is measured.
const STEPS: [usize; 3] = [20, 50, 250];
/// What is read of every evaluation: the row of `eval.json`, and its unit.
const FIGURES: [(&str, &str); 2] = [("FD-inhouse", "FD-inhouse"), ("bound", "bits/dim")];

/// The table.
pub fn table() -> Table {
    let train = OBJECTIVES.iter().map(|(name, keys)| {
        Step::train("configs/mnist-iddpm-small.toml", &format!("reproduce-{name}"), keys)
    });
    let eval = OBJECTIVES.iter().flat_map(|(name, _)| STEPS.map(|steps| evaluation(name, steps)));
    Table {
        name: "mnist-iddpm",
        about: "Objectives and variances on MNIST: the hybrid objective lowers the bound at equal quality, a learnt \
                variance keeps quality over few steps (Nichol & Dhariwal 2021, tables 1 and 2, figure 8), and eps with \
                L_simple beats other objectives (Ho et al. 2020, table 2). Published figures are of CIFAR-10: only the \
                order can be compared.",
        hours: 12.0,
        steps: train.chain(eval).collect(),
        rows,
    }
}

fn evaluation(name: &str, steps: usize) -> Step {
    let more = format!(
        "--weights ema --metrics fd,bound --samples 5000 --seeds 3 --sampler ancestral --steps {steps}"
    );
    Step::eval(&format!("reproduce-{name}"), &folder(name, steps), &more)
}

fn folder(name: &str, steps: usize) -> String {
    format!("runs/reproduce-{name}/eval-{steps}")
}

fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, _) in OBJECTIVES {
        for steps in STEPS {
            let path = root().join(folder(name, steps)).join("eval.json");
            let text =
                fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
            let found: Value = text.parse().with_context(|| format!("failed to read {}", path.display()))?;
            let command = evaluation(name, steps).command();
            rows.extend(figures(&found, &format!("{name}, {steps} steps"), &command));
        }
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

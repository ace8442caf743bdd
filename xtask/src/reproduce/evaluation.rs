//! The figures of `cargo xtask eval`, as tables read them.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Row, Step};
use crate::cargo::root;

/// A command that evaluates, and where its report goes.
pub struct Evaluation {
    /// The command.
    pub step: Step,
    out: String,
}

/// What is read of an evaluation.
#[derive(Clone, Copy, Debug)]
pub enum Figure {
    /// The variational bound.
    Bound,
    /// The in-house Frechet distance.
    Distance,
    /// The classification accuracy score.
    Cas,
}

impl Figure {
    /// Its row in `eval.json`, and its unit.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Bound => ("bound, bits/dim", "bits/dim"),
            Self::Distance => ("FD-inhouse", "FD-inhouse"),
            Self::Cas => ("CAS", "CAS"),
        }
    }
}

impl Evaluation {
    /// Of a run, into a folder of it, with more arguments.
    pub fn of(run: &str, folder: &str, more: &str) -> Self {
        let out = format!("runs/{run}/{folder}");
        Self { step: Step::eval(run, &out, more), out }
    }

    /// A file of its report.
    ///
    /// # Errors
    ///
    /// If it is not there, or no JSON.
    pub fn read(&self, file: &str) -> Result<Value> {
        let path = root().join(&self.out).join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        text.parse().with_context(|| format!("failed to read {}", path.display()))
    }

    /// A figure of the averaged weights.
    ///
    /// # Errors
    ///
    /// If the report is not there, or has no such figure.
    pub fn row(&self, name: String, figure: Figure, published: Option<f64>) -> Result<Row> {
        let found = row_of(&self.read("eval.json")?, figure);
        let (value, stderr) = found.with_context(|| format!("no {figure:?} in {}", self.out))?;
        let command = self.step.command();
        Ok(Row { name, value, stderr, published, unit: figure.names().1.into(), command })
    }
}

fn row_of(report: &Value, figure: Figure) -> Option<(f64, Option<f64>)> {
    let is_ours = |row: &&Value| row["subject"] == "ema" && row["name"] == figure.names().0;
    let row = report["table"].as_array()?.iter().find(is_ours)?;
    Some((row["value"].as_f64()?, row["stderr"].as_f64()))
}

/// The bound of one evaluation less that of another, whose images and noise are the same: much surer than either.
///
/// # Errors
///
/// If a report is not there, or their images are not as many.
pub fn paired(name: &str, one: &Evaluation, other: &Evaluation) -> Result<Row> {
    let [ones, others] = [one, other].map(|evaluation| {
        let bits = by_image(&evaluation.read("eval.json")?);
        bits.with_context(|| format!("no bounds of single images in {}", evaluation.out))
    });
    let (value, stderr) = difference(&ones?, &others?).context("other numbers of images")?;
    let command = one.step.command();
    Ok(Row {
        name: name.into(),
        value,
        stderr: Some(stderr),
        published: None,
        unit: "bits/dim".into(),
        command,
    })
}

fn by_image(report: &Value) -> Option<Vec<f64>> {
    let findings = report["findings"].as_array()?.iter().filter(|finding| finding["subject"] == "ema");
    let mut series = findings.flat_map(|finding| finding["series"].as_array().into_iter().flatten());
    let points = series.find(|series| series["title"] == "bound by image")?["points"].as_array()?;
    points.iter().map(|point| point[1].as_f64()).collect()
}

/// The mean difference and its standard error.
fn difference(ones: &[f64], others: &[f64]) -> Option<(f64, f64)> {
    if ones.len() != others.len() || ones.len() < 2 {
        return None;
    }
    let differences: Vec<f64> = ones.iter().zip(others).map(|(one, other)| one - other).collect();
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|difference| (difference - mean).powi(2)).sum();
    Some((mean, (squares / (n - 1.0) / n).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_the_model_are_read() {
        let report: Value = r#"{"table": [
            {"subject": "test images", "name": "FD-inhouse", "value": 1.0, "stderr": null, "seeds": 1},
            {"subject": "ema", "name": "FD-inhouse", "value": 5.5, "stderr": 0.5, "seeds": 3},
            {"subject": "ema", "name": "CAS", "value": 0.5, "stderr": null, "seeds": 1}
        ], "findings": [
            {"subject": "raw", "series": [{"title": "bound by image", "points": [[0, 9.0]]}]},
            {"subject": "ema", "series": [
                {"title": "bound by timestep", "points": [[0, 3.0]]},
                {"title": "bound by image", "points": [[0, 2.5], [1, 3.5]]}
            ]}
        ]}"#
        .parse()
        .unwrap();
        assert_eq!(row_of(&report, Figure::Distance), Some((5.5, Some(0.5))));
        assert_eq!(row_of(&report, Figure::Cas), Some((0.5, None)));
        assert_eq!(row_of(&report, Figure::Bound), None);
        assert_eq!(by_image(&report), Some(vec![2.5, 3.5]));
    }

    #[test]
    fn what_all_images_share_is_no_error_of_a_difference() {
        let (mean, stderr) = difference(&[1.0, 5.0, 9.0], &[1.5, 5.5, 9.5]).unwrap();
        assert_eq!((mean, stderr), (-0.5, 0.0));
        // Differences 0, 1 and 2.
        let (mean, stderr) = difference(&[1.0, 2.0, 3.0], &[1.0, 1.0, 1.0]).unwrap();
        assert!(mean == 1.0 && (stderr - (1.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(difference(&[1.0], &[1.0]), None);
    }
}

use serde::{Deserialize, Serialize};

/// What a metric found about a subject.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Lines of the table.
    pub rows: Vec<Row>,
    /// Curves, a plot each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<Series>,
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is, its unit included.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Standard error, where one subject alone tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<f64>,
}

impl Row {
    /// A figure without an error of its own.
    pub fn new(name: &str, value: f64) -> Self {
        Self { name: name.into(), value, stderr: None }
    }
}

/// A curve, or the heights of bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What it shows; curves of one title, of several subjects, are drawn in one plot.
    pub title: String,
    /// What is across.
    pub x: String,
    /// What is up.
    pub y: String,
    /// Points, from left to right.
    pub points: Vec<(f64, f64)>,
}

impl Outcome {
    /// Figures without curves.
    pub fn rows(rows: impl IntoIterator<Item = Row>) -> Self {
        Self { rows: rows.into_iter().collect(), series: Vec::new() }
    }
}

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::{MetricDefinition, MetricEntry, MetricId, NumericEntry, SerializedEntry};
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation, MetricsRendererTraining,
};
use burn::train::{Interrupter, LearnerSummary};

/// Rows of the past that are shown at most: each is pushed value by value.
const MOST_ROWS: usize = 20_000;

/// Burn-train's dashboard, of a run that may have a past.
///
/// burn-train takes the number of a checkpoint for that of an epoch, where it is a step here; the dashboard is told of the
/// round between two validations instead, and shows what `metrics.csv` has of the steps before.
pub(crate) struct Dashboard {
    inner: TuiMetricsRendererWrapper,
    rounds_done: usize,
    /// Rows of training and validation.
    past: [Vec<Row>; 2],
    ids: BTreeMap<String, MetricId>,
}

/// The values of a step, by the names of their metrics.
type Row = (usize, Vec<(String, f64)>);

impl Dashboard {
    /// The dashboard of a run whose first so many rounds are done.
    pub(crate) fn new(run: &Path, rounds_done: usize, interrupter: Interrupter) -> Self {
        let read = |split: &str| fs::read_to_string(run.join(split).join("metrics.csv")).unwrap_or_default();
        let past = ["train", "valid"].map(|split| rows(&read(split)));
        let inner = TuiMetricsRendererWrapper::new(interrupter, Some(rounds_done));
        Self { inner, rounds_done, past, ids: BTreeMap::new() }
    }

    /// Shows the past, each validation behind its step.
    fn show_past(&mut self) {
        let [train, valid] = std::mem::take(&mut self.past);
        let mut valid = valid.into_iter().peekable();
        for (step, values) in train {
            self.show(values, MetricsRendererTraining::update_train);
            while let Some((_, values)) = valid.next_if(|(of, _)| *of <= step) {
                self.show(values, MetricsRendererTraining::update_valid);
            }
        }
    }

    fn show(&mut self, values: Vec<(String, f64)>, update: fn(&mut TuiMetricsRendererWrapper, MetricState)) {
        for (name, value) in values {
            let Some(id) = self.ids.get(&name) else { continue };
            let text = format!("epoch {value:.4} - batch {value:.4}");
            let entry = MetricEntry::new(id.clone(), SerializedEntry::new(text, value.to_string()));
            update(&mut self.inner, MetricState::Numeric(entry, Some(NumericEntry::Value(value))));
        }
    }
}

/// The last rows of a table; cells that hold no number are left out.
fn rows(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').skip(1).collect();
    let row = |line: &str| {
        let (step, cells) = line.split_once(',')?;
        let values = names.iter().zip(cells.split(','));
        let values = values.filter_map(|(name, cell)| {
            Some(((*name).to_owned(), cell.parse().ok().filter(|value: &f64| value.is_finite())?))
        });
        Some((step.parse().ok()?, values.collect()))
    };
    let lines: Vec<&str> = lines.collect();
    lines[lines.len().saturating_sub(MOST_ROWS)..].iter().filter_map(|line| row(line)).collect()
}

impl MetricsRendererTraining for Dashboard {
    fn update_train(&mut self, state: MetricState) {
        self.inner.update_train(state);
    }

    fn update_valid(&mut self, state: MetricState) {
        self.inner.update_valid(state);
    }

    /// The dashboard would forget that the training was asked to stop, or why it failed.
    fn on_train_end(&mut self, _: Option<LearnerSummary>) -> Result<(), Box<dyn Error>> {
        Ok(())
    }
}

impl TrainingProgressLogger for Dashboard {
    fn start(&mut self, total: usize, _: usize, items: Option<usize>, label: Option<&str>) {
        self.inner.start(total, self.rounds_done + 1, items, label);
        self.show_past();
    }

    fn update_epoch(&mut self, round: usize) {
        self.inner.update_epoch(round);
    }

    fn start_split(&mut self, split: &str, total: usize) {
        self.inner.start_split(split, total);
    }

    fn update_split(&mut self, done: usize) {
        self.inner.update_split(done);
    }

    fn end_split(&mut self) {
        self.inner.end_split();
    }

    fn end(&mut self) {
        self.inner.end();
    }

    fn log_event_training(&mut self, event: String) {
        self.inner.log_event_training(event);
    }
}

impl MetricsRendererEvaluation for Dashboard {
    fn update_test(&mut self, name: EvaluationName, state: MetricState) {
        self.inner.update_test(name, state);
    }
}

impl EvaluationProgressLogger for Dashboard {
    fn start_global_progress(&mut self, _: usize) {}
    fn start_test(&mut self, _: &str, _: usize) {}
    fn update_test_progress(&mut self, _: usize) {}
    fn end_test(&mut self) {}
    fn end_global_progress(&mut self) {}
    fn log_event_evaluation(&mut self, _: String) {}
}

impl MetricsRenderer for Dashboard {
    fn manual_close(&mut self) {
        self.inner.manual_close();
    }

    fn register_metric(&mut self, definition: MetricDefinition) {
        self.ids.insert(definition.name.to_string(), definition.metric_id.clone());
        self.inner.register_metric(definition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_read_from_the_table() {
        let text = "step,Loss,Bound\n1,0.5,\n2,0.25,3\nx,1,1\n3,NaN,1\n";
        let found = rows(text);
        let named = |values: &[(&str, f64)]| {
            values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
        };
        assert_eq!(found[0], (1, named(&[("Loss", 0.5)])));
        assert_eq!(found[1], (2, named(&[("Loss", 0.25), ("Bound", 3.0)])));
        assert_eq!(found[2], (3, named(&[("Bound", 1.0)])), "what is no number has no place in a plot");
        assert_eq!(found.len(), 3);
        assert!(rows("").is_empty());
        let long: String = (0..=MOST_ROWS).map(|step| format!("{step},1\n")).collect();
        assert_eq!(rows(&format!("step,Loss\n{long}"))[0].0, 1);
    }
}

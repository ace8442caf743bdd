use std::io::Write;
use std::time::{Duration, Instant};

use burn::train::LearnerSummary;
use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::{MetricDefinition, MetricId, NumericEntry};
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation, MetricsRendererTraining,
};

use crate::pace::Pace;

/// Time between two lines.
const INTERVAL: Duration = Duration::from_secs(2);

/// Progress as plain lines, for logs and pipes: step, loss, learning rate, images/s, time left.
pub struct PlainProgress<W> {
    out: W,
    steps: usize,
    step: usize,
    started: Instant,
    pace: Pace,
    printed: Option<Instant>,
    validating: bool,
    names: Vec<(MetricId, String)>,
    latest: Vec<(String, f64)>,
    valid: [Mean; 2],
}

/// What is printed of a validation: the metric, how it is called there, and its unit.
const VALIDATED: [(&str, &str, &str); 2] = [("Loss", "validation loss", ""), ("Bound", "bound", " bits/dim")];

#[derive(Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl<W: Write> PlainProgress<W> {
    /// Lines to `out` for a run that goes from `first_step` (steps already done) to `steps`.
    pub fn new(out: W, first_step: usize, steps: usize) -> Self {
        let started = Instant::now();
        Self {
            out,
            steps,
            step: first_step,
            started,
            pace: Pace::default(),
            printed: None,
            validating: false,
            names: Vec::new(),
            latest: Vec::new(),
            valid: Default::default(),
        }
    }

    fn name(&self, id: &MetricId) -> Option<&str> {
        self.names.iter().find(|(known, _)| known == id).map(|(_, name)| name.as_str())
    }

    fn value(&self, name: &str) -> Option<f64> {
        self.latest.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    fn line(&mut self) {
        let eta = self.pace.of(self.steps.saturating_sub(self.step));
        let number = |name: &str, format: fn(f64) -> String| self.value(name).map_or("-".to_owned(), format);
        let line = format!(
            "step {}/{}  loss {}  lr {}  {} images/s  eta {}",
            self.step,
            self.steps,
            number("Loss", |loss| format!("{loss:.4}")),
            number("Learning Rate", |rate| format!("{rate:.2e}")),
            number("Images per second", |speed| format!("{speed:.0$}", usize::from(speed < 10.0))),
            clock(eta),
        );
        self.print(&line);
        self.printed = Some(Instant::now());
    }

    /// Progress must not end a run: a closed pipe only silences it.
    fn print(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }
}

/// A duration as `1h02m`, `3m04s` or `5s`.
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

fn number(entry: Option<NumericEntry>) -> Option<(f64, usize)> {
    match entry? {
        NumericEntry::Value(value) | NumericEntry::Final(value) => Some((value, 1)),
        NumericEntry::Aggregated { aggregated_value, count } => Some((aggregated_value, count)),
    }
}

impl<W: Write + Send + Sync> MetricsRendererTraining for PlainProgress<W> {
    fn update_train(&mut self, state: MetricState) {
        let MetricState::Numeric(entry, value) = state else { return };
        let Some((value, _)) = number(value) else { return };
        let Some(name) = self.name(&entry.metric_id).map(str::to_owned) else { return };
        self.latest.retain(|(known, _)| *known != name);
        self.latest.push((name, value));
    }

    fn update_valid(&mut self, state: MetricState) {
        let MetricState::Numeric(entry, value) = state else { return };
        // The mean of a validation comes again at its end, and is no number where nothing was measured.
        let value = value.filter(|value| !matches!(value, NumericEntry::Final(_)));
        let name = self.name(&entry.metric_id);
        let shown = VALIDATED.iter().position(|(known, _, _)| name == Some(*known));
        if let (Some((value, count)), Some(shown)) = (number(value), shown.filter(|_| self.validating)) {
            self.valid[shown].sum += value * count as f64;
            self.valid[shown].count += count;
        }
    }

    fn on_train_end(&mut self, _: Option<LearnerSummary>) -> Result<(), Box<dyn core::error::Error>> {
        Ok(())
    }
}

impl<W: Write + Send> TrainingProgressLogger for PlainProgress<W> {
    fn start(&mut self, _: usize, _: usize, _: Option<usize>, _: Option<&str>) {
        self.started = Instant::now();
    }

    fn update_epoch(&mut self, _: usize) {}

    fn start_split(&mut self, split: &str, _: usize) {
        self.validating = split.eq_ignore_ascii_case("valid");
        self.valid = Default::default();
    }

    fn update_split(&mut self, _: usize) {
        if self.validating {
            return;
        }
        self.step += 1;
        if let Some(longer) = self.pace.step(self.started.elapsed()) {
            let line = format!(
                "the first step took {} longer than the second: kernels for this device were compiled and tried out",
                clock(longer)
            );
            self.print(&line);
        }
        if self.step == self.steps || self.printed.is_none_or(|last| last.elapsed() >= INTERVAL) {
            self.line();
        }
    }

    fn end_split(&mut self) {
        let shown = VALIDATED.iter().zip(&self.valid).filter(|(_, mean)| self.validating && mean.count > 0);
        let texts: Vec<String> = shown
            .map(|((_, text, unit), mean)| format!("  {text} {:.4}{unit}", mean.sum / mean.count as f64))
            .collect();
        if !texts.is_empty() {
            self.print(&format!("step {}/{}{}", self.step, self.steps, texts.concat()));
        }
        self.validating = false;
    }

    fn end(&mut self) {}

    fn log_event_training(&mut self, _: String) {}
}

impl<W: Write + Send + Sync> MetricsRendererEvaluation for PlainProgress<W> {
    fn update_test(&mut self, _: EvaluationName, _: MetricState) {}
}

impl<W: Write + Send> EvaluationProgressLogger for PlainProgress<W> {
    fn start_global_progress(&mut self, _: usize) {}
    fn start_test(&mut self, _: &str, _: usize) {}
    fn update_test_progress(&mut self, _: usize) {}
    fn end_test(&mut self) {}
    fn end_global_progress(&mut self) {}
    fn log_event_evaluation(&mut self, _: String) {}
}

impl<W: Write + Send + Sync> MetricsRenderer for PlainProgress<W> {
    fn manual_close(&mut self) {}

    fn register_metric(&mut self, definition: MetricDefinition) {
        self.names.push((definition.metric_id, definition.name.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_a_clock() {
        let read = |seconds| clock(Duration::from_secs(seconds));
        assert_eq!([read(5), read(184), read(3725)], ["5s", "3m04s", "1h02m"]);
    }
}

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use burn::train::Interrupter;
use burn::train::checkpoint::CheckpointerError;
use burn::train::logger::MetricLogger;
use burn::train::metric::store::{EpochSummary, MetricsUpdate, Split};
use burn::train::metric::{MetricDefinition, MetricId, NumericEntry};
use data::write_atomically;

use crate::error::TrainError;

/// The metrics of a run as `train/metrics.csv` (a row a step) and `valid/metrics.csv` (a row a validation).
///
/// burn-train's own logger starts its files anew when a run is resumed, and panics when the disk is full; this one
/// goes on where the checkpoint was, and stops the training with an error.
pub struct MetricLog {
    train: Table,
    valid: Table,
    names: HashMap<MetricId, String>,
    step: usize,
    eval_every: usize,
    steps: usize,
    interrupter: Interrupter,
}

struct Table {
    path: PathBuf,
    file: File,
    empty: bool,
}

impl MetricLog {
    /// Opens the logs of a run at a step, dropping rows of later steps.
    ///
    /// # Errors
    ///
    /// If they cannot be read or written.
    pub fn open(
        run: &Path,
        step: usize,
        steps: usize,
        eval_every: usize,
        interrupter: Interrupter,
    ) -> Result<Self, TrainError> {
        let open = |split: &str| {
            let path = run.join(split).join("metrics.csv");
            Table::open(&path, step).map_err(TrainError::io("write", &path))
        };
        let (train, valid) = (open("train")?, open("valid")?);
        Ok(Self { train, valid, names: HashMap::new(), step, eval_every, steps, interrupter })
    }
}

impl Table {
    fn open(path: &Path, step: usize) -> io::Result<Self> {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        let old = match fs::read(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // Rows that a crash has filled with junk are dropped with those that are no rows.
            old => String::from_utf8_lossy(&old.unwrap_or_default()).into_owned(),
        };
        let is_past = |line: &&str| {
            line.split(',').next().and_then(|cell| cell.parse().ok()).is_some_and(|s: usize| s <= step)
        };
        let header = old.lines().next().filter(|_| step > 0);
        let kept: String =
            header.into_iter().chain(old.lines().filter(is_past)).map(|line| format!("{line}\n")).collect();
        let kept = if header.is_some() { kept } else { String::new() };
        write_atomically(path, |file| file.write_all(kept.as_bytes())).map_err(io::Error::other)?;
        let file = File::options().append(true).open(path)?;
        Ok(Self { path: path.to_path_buf(), file, empty: kept.is_empty() })
    }

    fn row(&mut self, step: usize, cells: &[(&str, Option<f64>)]) -> io::Result<()> {
        if self.empty {
            let names: Vec<&str> = cells.iter().map(|(name, _)| *name).collect();
            writeln!(self.file, "step,{}", names.join(","))?;
            self.empty = false;
        }
        let value = |value: &Option<f64>| value.map_or(String::new(), |value| value.to_string());
        let values: Vec<String> = cells.iter().map(|(_, cell)| value(cell)).collect();
        writeln!(self.file, "{step},{}", values.join(","))
    }
}

impl MetricLogger for MetricLog {
    fn log(&mut self, update: MetricsUpdate, round: usize, split: &Split) {
        let entries = &update.entries_numeric;
        let last = |entry: &Option<NumericEntry>| matches!(entry, Some(NumericEntry::Final(_)));
        let is_final = entries.iter().any(|update| last(&update.numeric_entry));
        let value = |entry: &NumericEntry| match entry {
            NumericEntry::Value(value) | NumericEntry::Final(value) => *value,
            NumericEntry::Aggregated { aggregated_value, .. } => *aggregated_value,
        };
        let cells: Vec<(&str, Option<f64>)> = entries
            .iter()
            .filter_map(|update| {
                Some((
                    self.names.get(&update.entry.metric_id)?.as_str(),
                    update.numeric_entry.as_ref().map(value),
                ))
            })
            .collect();
        let (table, step) = match (split, is_final) {
            (Split::Train, false) => {
                self.step += 1;
                (&mut self.train, self.step)
            }
            (Split::Valid, true) => (&mut self.valid, round.saturating_mul(self.eval_every).min(self.steps)),
            _ => return,
        };
        if let Err(error) = table.row(step, &cells) {
            let reason = format!("failed to write {}: {error}", table.path.display());
            self.interrupter.fail(CheckpointerError::Unknown(reason));
        }
    }

    fn read_numeric(&mut self, _: &str, _: usize, _: &Split) -> Result<Vec<NumericEntry>, String> {
        Ok(Vec::new())
    }

    fn log_metric_definition(&mut self, definition: MetricDefinition) {
        self.names.insert(definition.metric_id, definition.name.to_string());
    }

    fn log_epoch_summary(&mut self, _: EpochSummary) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_table_drops_the_rows_after_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train/metrics.csv");
        let mut table = Table::open(&path, 0).unwrap();
        for step in 1..=3 {
            table.row(step, &[("Loss", Some(0.5)), ("Memory", None)]).unwrap();
        }
        let mut table = Table::open(&path, 2).unwrap();
        table.row(3, &[("Loss", Some(0.25)), ("Memory", None)]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "step,Loss,Memory\n1,0.5,\n2,0.5,\n3,0.25,\n");
        Table::open(&path, 0).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }
}

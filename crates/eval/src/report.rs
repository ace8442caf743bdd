use std::fs;

use anyhow::{Context, Result};
use data::{Grid, pixels};
use serde::Serialize;
use terminal::say;

use crate::bench::Bench;
use crate::keyed::write_json;
use crate::metric::Metric;
use crate::outcome::{Outcome, Series};
use crate::plot;
use crate::references::{HALF, TEST};
use crate::subject::Subject;
use crate::table::{Cell, Table};

/// Images of a picture at most.
const PICTURED: usize = 100;

/// Everything that was found.
#[derive(Default)]
pub struct Report {
    findings: Vec<Finding>,
    /// Name, first images and their shape.
    pictures: Vec<(String, Vec<u8>, [usize; 3])>,
}

/// What a metric found about a subject.
#[derive(Serialize)]
struct Finding {
    subject: String,
    seed: u64,
    images: Option<usize>,
    compared_with: usize,
    metric: &'static str,
    of_model: bool,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Report {
    /// Takes down what a metric found.
    pub fn add(&mut self, subject: &Subject, metric: Metric, outcome: Outcome) {
        let images = subject.images.as_ref();
        if let Some(images) = images
            && !self.pictures.iter().any(|(name, ..)| *name == subject.name)
        {
            let first = &images.bytes[..images.bytes.len().min(PICTURED * images.size())];
            self.pictures.push((subject.name.clone(), first.to_vec(), images.shape));
        }
        self.findings.push(Finding {
            subject: subject.name.clone(),
            seed: subject.seed,
            images: images.map(|images| images.len()),
            compared_with: subject.real.len(),
            metric: metric.name(),
            of_model: subject.model.is_some(),
            outcome,
        });
    }

    /// Prints the tables, and writes them, the plots and `eval.json`.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn finish(&self, bench: &Bench) -> Result<()> {
        fs::create_dir_all(&bench.out)
            .with_context(|| format!("failed to create {}", bench.out.display()))?;
        let table = self.table();
        let (models, ladder) = (
            table.columns(|name| self.is_floor(name)),
            table.columns(|name| !self.is_model(name) && name != TEST),
        );
        let mut text = format!("{models}");
        if ladder.is_wider_than(1) {
            text += &format!(
                "\nWhat the figures mean: one half of the training images, damaged, against the other\n{ladder}"
            );
        }
        if let Some(classifier) = bench.used_classifier() {
            text += &format!("\n{}\n", classifier.facts);
        }
        say(format_args!("\n{}", text.trim_end()));
        self.write_plots(bench, &table)?;
        let summary = serde_json::json!({
            "run": bench.run.path(),
            "weights": bench.weights.iter().map(|weights| (weights.kind.name(), &weights.hash))
                .collect::<std::collections::BTreeMap<_, _>>(),
            "sampler": bench.sampler,
            "guidance_scale": bench.guidance_scale,
            "samples": bench.samples,
            "seeds": bench.seeds,
            "dataset": bench.dataset,
            "classifier": bench.used_classifier().map(|classifier| &classifier.facts),
            "device": bench.device_name,
            "version": env!("CARGO_PKG_VERSION"),
            "table": table.summary(),
            "findings": self.findings,
        });
        write_json(&bench.out.join("eval.json"), &summary)?;
        say(format_args!("\nreport: {}", bench.out.join("eval.json").display()));
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::default();
        for Finding { subject, images, compared_with, outcome, .. } in &self.findings {
            if let Some(images) = images {
                table.size(subject, *images, *compared_with);
            }
            for row in &outcome.rows {
                table.add(subject, &row.name, Cell::new(row.value, row.stderr));
            }
        }
        table
    }

    fn is_model(&self, name: &str) -> bool {
        self.findings.iter().any(|finding| finding.subject == name && finding.of_model)
    }

    fn is_floor(&self, name: &str) -> bool {
        self.is_model(name) || name == HALF || name == TEST
    }

    fn write_plots(&self, bench: &Bench, table: &Table) -> Result<()> {
        let folder = bench.out.join("plots");
        fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
        for row in ["FD-inhouse", "FID"] {
            if let Some(bars) = table.row(row) {
                plot::bars(&folder.join(format!("{}.svg", row.to_lowercase())), row, &bars, |name| {
                    self.is_model(name)
                })?;
            }
        }
        let mut titles: Vec<&str> =
            self.findings.iter().flat_map(|f| f.outcome.series.iter().map(|s| s.title.as_str())).collect();
        titles.dedup();
        titles.sort_unstable();
        titles.dedup();
        for title in titles {
            let curves: Vec<(&str, &Series)> = self
                .findings
                .iter()
                .filter(|finding| finding.seed == 0 && self.is_floor(&finding.subject))
                .flat_map(|finding| {
                    finding.outcome.series.iter().map(|series| (finding.subject.as_str(), series))
                })
                .filter(|(_, series)| series.title == title)
                .collect();
            plot::curves(&folder.join(format!("{}.svg", title.replace(' ', "-"))), title, &curves)?;
        }
        for (name, bytes, shape) in self.pictures.iter().filter(|(name, ..)| self.is_model(name)) {
            let values: Vec<f32> = bytes.iter().map(|&byte| pixels::to_unit(byte)).collect();
            let picture = Grid::new(10, *shape).draw(&values, *shape);
            picture.write_png(
                &folder.join(format!("{name}.png")),
                &[("run", &bench.run.path().display().to_string())],
            )?;
        }
        Ok(())
    }
}

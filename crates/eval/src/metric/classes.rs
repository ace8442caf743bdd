use anyhow::Result;
use metrics::ClassHistogram;

use crate::bench::Bench;
use crate::classed::Classed;
use crate::outcome::{Outcome, Row, Series};
use crate::subject::Subject;

/// How often each class occurs, as the in-house classifier sees it, and how often it is the class that was asked for.
pub fn measure(bench: &Bench, subject: &Subject) -> Result<Outcome> {
    let (images, classifier) = (subject.images()?, &bench.classifier()?.network);
    let classes = bench.num_classes.unwrap_or(0);
    let found = classifier.classify(&Classed { images, classes }, &bench.device)?;
    let histogram = ClassHistogram::new(&found, classes)?;
    let labels = bench.train.labels.as_deref().unwrap_or_default();
    let variation = histogram.total_variation(&ClassHistogram::new(labels, classes)?);
    let mut rows = vec![Row::new("class shares, total variation", variation)];
    if let Some(labels) = &images.labels {
        let agreeing = found.iter().zip(labels).filter(|(found, label)| found == label).count();
        rows.push(Row::new("class as labelled", agreeing as f64 / images.len() as f64));
    }
    let points = histogram.shares.iter().enumerate().map(|(class, &share)| (class as f64, share)).collect();
    let series =
        Series { title: "class shares".into(), x: "class".into(), y: "share of the images".into(), points };
    Ok(Outcome { rows, series: vec![series] })
}

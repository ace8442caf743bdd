//! What a trained run is worth: sample quality, memorisation and likelihood, offline, with error bars.
//!
//! An [`Args`] becomes a [`Bench`]: the run's weights, its data and the networks that judge. Each [`Subject`] (the images of
//! one seed of one set of weights, or real images that say what a figure means) is judged by each [`Metric`], and the
//! [`Outcome`]s, kept one file each so that nothing is computed twice, make a [`Report`].
//!
//! A new metric is one file under `metric/` and one arm of [`Metric`].

mod args;
mod bench;
mod classed;
mod classifier_cache;
mod cost;
mod degrade;
mod drawing;
mod evaluation;
mod images;
mod inception;
mod judge;
mod keyed;
mod likelihood;
mod metric;
mod model;
mod outcome;
mod plot;
mod progress;
mod reconstruction;
mod references;
mod report;
mod subject;
mod sweep;
mod sweep_images;
mod table;
mod weights;

pub use args::{Args, Sweep};
pub use bench::Bench;
pub use degrade::Degradation;
pub use evaluation::evaluate;
pub use images::Images;
pub use inception::Inception;
pub use metric::Metric;
pub use model::{Denoisers, Model};
pub use outcome::{Outcome, Row, Series};
pub use reconstruction::reconstructions;
pub use report::Report;
pub use subject::Subject;
pub use sweep::sweep;
pub use weights::{Kind, Weights};

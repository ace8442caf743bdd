//! Training runs: configuration, burn-train's learner, moving average, checkpoints, previews, resuming.
//!
//! A [`RunConfig`] and an opened data set make a [`Session`]; [`Session::train`] leaves behind
//! `runs/<name>/{config.toml, ema.bpk, checkpoint/, samples/, train/, valid/, experiment.log, record.json}`.
//! [`TrainedModel`] reads that back for sampling.

mod adam_w;
mod batches;
mod bench;
mod checkpoint;
mod checkpoint_writer;
mod config;
mod ema;
mod error;
mod gradients;
mod metric_log;
mod metrics;
mod model;
mod objective;
mod parity;
mod preview;
mod progress;
mod record;
mod resolve;
mod run_dir;
mod session;
mod strategy;
mod trainee;
mod variational_bound;

pub use batches::Batch;
pub use bench::Bench;
pub use checkpoint::{Checkpoints, Losses, Meta, hash_file};
pub use config::{DiffusionConfig, LrSchedule, RunConfig, TrainConfig};
pub use ema::{ema_decay_at, ema_update, frozen_copy};
pub use error::TrainError;
pub use gradients::clip_global_norm;
pub use metrics::Stats;
pub use model::TrainedModel;
pub use objective::{BatchLoss, Objective};
pub use parity::{Check, compare_with_flex};
pub use progress::{clock, say};
pub use record::Record;
pub use resolve::DraftConfig;
pub use run_dir::RunDir;
pub use session::{Outcome, Session, optimizer};
pub use trainee::Trainee;
pub use variational_bound::{BoundStep, BoundTable};

//! Training runs: configuration, burn-train's learner, moving average, checkpoints, previews, resuming.
//!
//! The configuration of a [`System`] and an opened data set make a [`Session`]; [`Session::train`] leaves behind
//! `runs/<name>/{config.toml, ema.bpk, checkpoint/, samples/, train/, valid/, experiment.log, record.json}`.
//! [`TrainedModel`] reads that back for sampling.

mod adam_w;
mod answer;
mod batches;
mod bench;
pub mod cascade;
mod changes;
mod checkpoint;
mod checkpoint_writer;
mod chooser;
mod chosen_config;
mod config;
mod config_path;
mod continuous_law;
mod course;
mod dashboard;
mod ddpm;
mod diagrams;
mod dpm_system;
mod ema;
mod error;
mod evaluation;
mod finite;
mod first_stage;
mod gradients;
mod latent_system;
mod loader;
mod loss_history;
mod memory;
mod metric_log;
mod metrics;
mod model;
mod network;
mod noisy_classifier;
mod objective;
mod objective_config;
mod optimizer;
mod pace;
mod parity;
mod plot;
mod point_system;
mod preview;
mod progress;
mod record;
mod resolve;
mod revision;
mod run_dir;
mod session;
mod settings;
mod spent;
mod standardize;
mod state_bounds;
mod strategy;
mod system;
mod system_name;
mod tables;
mod train_config;
mod trainee;
mod training;
mod training_levels;
mod weights;

pub use batches::Batch;
pub use bench::Bench;
pub use checkpoint::{Checkpoints, Losses, Meta, hash_file};
pub use chooser::{Choice, Wishes};
pub use config::{DiffusionConfig, RunConfig, shown_classes};
pub use config_path::check_config_path;
pub use dpm_system::{DpmBatch, DpmRunConfig, DpmSystem, StateNoise, TrainedDpm, draw_states, trajectories};
pub use ema::{ema_decay_at, ema_update, frozen_copy};
pub use error::TrainError;
pub use evaluation::EvalConfig;
pub use first_stage::{
    AdversarialConfig, FirstStage, FirstStageBatch, FirstStageNet, FirstStageRunConfig, PerceptualConfig,
    PerceptualNetwork, Reconstructions, RegularizationConfig, TrainedFirstStage,
};
pub use gradients::clip_global_norm;
pub use latent_system::{
    CaptionTokenizer, ConcatConfig, FirstStageSource, FrozenFirstStage, LatentBatch, LatentNet,
    LatentRunConfig, LatentSystem, Phrases, Shown as ShownImages, TextConfig, Texts, Told, TrainedLatent,
};
pub use loss_history::LossHistory;
pub use memory::TrainingMemory;
pub use metrics::{Stats, StepMetric};
pub use model::TrainedModel;
pub use network::{Network, Shown};
pub use noisy_classifier::{
    ClassGradient, ClassifierRunConfig, ClassifierSystem, NoiseConfig, TrainedClassifier,
};
pub use objective::{BatchLoss, Objective};
pub use objective_config::{ObjectiveConfig, TimestepSampling};
pub use optimizer::optimizer;
pub use parity::{Check, compare_with_flex};
pub use point_system::{
    PointNet, PointNetConfig, PointRunConfig, PointSystem, PointWalk, TrainedPoints, draw_points,
};
pub use progress::clock;
pub use record::{Measure, Record};
pub use resolve::DraftConfig;
pub use run_dir::RunDir;
pub use session::{Outcome, Session};
pub use spent::Spent;
pub use standardize::Standardize;
pub use state_bounds::StateBounds;
pub use system::{Loaders, System, SystemConfig};
pub use system_name::SystemName;
pub use train_config::{LrSchedule, Precision, TrainConfig};
pub use trainee::Trainee;
pub use weights::Weights;

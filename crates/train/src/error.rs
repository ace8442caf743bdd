use std::io;
use std::path::PathBuf;

use terminal::quoted;

/// Why a run does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A file or folder that cannot be read or written.
    #[error("failed to {action} {}: {reason}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// A configuration that does not parse or does not fit.
    #[error("failed to read {origin}: {reason}")]
    Config {
        /// The file or the flag.
        origin: String,
        /// What is wrong in it.
        reason: String,
    },
    /// The data set.
    #[error(transparent)]
    Data(#[from] data::DataError),
    /// The backend.
    #[error(transparent)]
    Backend(#[from] backend::BackendError),
    /// A folder that is no run.
    #[error("there is no run {}: {hint}", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// What to do about it.
        hint: String,
    },
    /// A configuration that is not there.
    #[error("there is no configuration {}: {hint}", path.display())]
    NoConfig {
        /// The file.
        path: PathBuf,
        /// What to do about it.
        hint: String,
    },
    /// The run's folder is taken.
    #[error(
        "the run {} exists: go on with it by adding `--resume`, or start another with `--run NAME`",
        path.display()
    )]
    RunExists {
        /// Its folder.
        path: PathBuf,
    },
    /// Nothing to go on from.
    #[error("no checkpoint in {}: start the run without `--resume`", path.display())]
    NothingToResume {
        /// Where checkpoints would be.
        path: PathBuf,
    },
    /// No such checkpoint.
    #[error("no checkpoint of step {step} in {}: add `--resume=STEP` with one of {there:?}", path.display())]
    NoSuchCheckpoint {
        /// The step asked for.
        step: usize,
        /// Where checkpoints are.
        path: PathBuf,
        /// The steps that have one.
        there: Vec<usize>,
    },
    /// Fewer steps than are done.
    #[error(
        "the checkpoint is of step {step}, and the run is to end at {steps}: give more `--steps`, or go back with \
         `--resume=STEP` to one of {there:?}"
    )]
    BeyondTheEnd {
        /// The steps done.
        step: usize,
        /// The steps of the whole run.
        steps: usize,
        /// The steps that have a checkpoint.
        there: Vec<usize>,
    },
    /// A checkpoint that is not what was saved.
    #[error(
        "the checkpoint is damaged: {}: {reason}; {}",
        path.display(),
        match earlier {
            Some(step) => format!("go back to the one before it with `--resume={step}`"),
            None => "use another checkpoint, or train again with `--run NAME`".into(),
        }
    )]
    DamagedCheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// The step of the checkpoint before it.
        earlier: Option<usize>,
    },
    /// A checkpoint of another configuration.
    #[error("the checkpoint was made with another configuration ({changes}): {advice}")]
    ConfigChanged {
        /// The keys that differ.
        changes: String,
        /// What to do about them.
        advice: &'static str,
    },
    /// A checkpoint of other data.
    #[error(
        "the data set has changed since the checkpoint was made: restore it, or start another run with `--run NAME`"
    )]
    DatasetChanged,
    /// Weights that do not fit the network.
    #[error("failed to load the weights in {}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The training itself, after a checkpoint.
    #[error("training stopped: {0}; the last checkpoint is kept: mend this, then add `--resume`")]
    Training(String),
    /// The training itself, before the first checkpoint.
    #[error("training stopped before its first checkpoint: {0}")]
    TrainingUnsaved(String),
    /// Latents that are scaled otherwise than those of a network.
    #[error(
        "the scale of the latents does not fit: {origin} has {scale}, but it is {measured}: leave first_stage.scale as it \
         was measured, and use the first stage and the data that the run was trained on"
    )]
    LatentScale {
        /// What says it.
        origin: String,
        /// What it says.
        scale: f64,
        /// What the latents, or the weights, have.
        measured: f64,
    },
    /// Words.
    #[error(transparent)]
    Text(#[from] text::TextError),
    /// A network that compares images.
    #[error(transparent)]
    Features(#[from] features::FeatureError),
    /// A folder of another library.
    #[error(transparent)]
    Layout(#[from] layout::LayoutError),
    /// More memory than there is.
    #[error(
        "the training takes about {needed:.1} GiB of memory, and this machine has {there:.1}: lower train.batch_size, \
         train.sample_images or the size of the network, or add `--beyond-memory` to try all the same"
    )]
    Memory {
        /// About how many GiB it takes.
        needed: f64,
        /// How many there are.
        there: f64,
    },
    /// A device that fails.
    #[error("failed to compute on the device: {0}")]
    Device(String),
    /// Another process is at work in the folder.
    #[error("another process is training the run {}: wait for it, or start another with `--run NAME`", path.display())]
    RunLocked {
        /// The run's folder.
        path: PathBuf,
    },
    /// Sampling from a diffusion probabilistic model.
    #[error("failed to sample: {0}")]
    Dpm(#[from] dpm::DpmError),
    /// Sampling, of a preview for example.
    #[error("failed to sample: {0}")]
    Sampling(#[from] diffusion::DiffusionError),
    /// A stage of a cascade.
    #[error("stage {number} of the cascade: {error}")]
    Stage {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        error: Box<TrainError>,
    },
    /// A cascade without one of its stages.
    #[error(
        "the cascade {} has no trained stage {number}: train it with `cargo xtask train --run {} --resume`",
        path.display(),
        quoted(path.file_name().unwrap_or_default().display())
    )]
    MissingStage {
        /// The cascade's folder.
        path: PathBuf,
        /// Which, from 1.
        number: usize,
    },
    /// A stage that was trained for another cascade.
    #[error(
        "{} is a checkpoint of another cascade ({changes}): put back the stage that was trained with this one, or train \
         it again with `--stage {number}`", path.display()
    )]
    OtherCascade {
        /// The stage's folder.
        path: PathBuf,
        /// Which, from 1.
        number: usize,
        /// In what it differs.
        changes: String,
    },
}

impl TrainError {
    /// For `map_err` on file operations.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Io { action, path, reason }
    }
}

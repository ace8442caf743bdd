use std::io;
use std::path::PathBuf;

/// Why a folder in the diffusers layout is not read or written.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file that cannot be read or written.
    #[error("failed to {action} {}: {reason}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// A file that is not what its name says.
    #[error("failed to read {}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// An option that a configuration names and this project does not have.
    #[error("{}: {option} = {value} is not supported", path.display())]
    Unsupported {
        /// The configuration.
        path: PathBuf,
        /// Its key.
        option: String,
        /// The value there.
        value: String,
    },
    /// A scheduler with a value out of its range, or that asks for what this project does not have.
    #[error("{}: it cannot be used: {reason}", path.display())]
    Scheduler {
        /// The configuration.
        path: PathBuf,
        /// The option and its value, or the combination.
        reason: String,
    },
    /// A configuration that the other library cannot express.
    #[error("failed to export: {option} has no counterpart in the reference library")]
    Inexpressible {
        /// The key of our configuration, and its value.
        option: String,
    },
    /// A configuration whose keys do not fit each other.
    #[error("{}: {reason}", path.display())]
    Network {
        /// The configuration.
        path: PathBuf,
        /// What does not fit.
        reason: unet::UNetError,
    },
    /// A configuration of an autoencoder whose keys do not fit each other.
    #[error("{}: {reason}", path.display())]
    Autoencoder {
        /// The configuration.
        path: PathBuf,
        /// What does not fit.
        reason: autoencoder::AutoencoderError,
    },
    /// Parts that a folder does not have.
    #[error("{} lacks parts:{}\nit holds: {there}", path.display(), list(missing))]
    Parts {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        missing: Vec<String>,
        /// What lies there.
        there: String,
    },
    /// A path that is no model folder, and what it is instead.
    #[error("{} {found}", path.display())]
    NoFolder {
        /// The path.
        path: PathBuf,
        /// What it is, and what to give instead.
        found: String,
    },
    /// A folder without weights.
    #[error("{} holds no weights: it needs {}; it holds: {there}", folder.display(), wanted.join(", "))]
    NoWeights {
        /// The folder.
        folder: PathBuf,
        /// Names that they could have.
        wanted: Vec<String>,
        /// What lies there.
        there: String,
    },
    /// Weights in several variants.
    #[error(
        "{} holds weights in the variants {}, and none without a variant: move all but one of them away, or rename \
         the one to read to {name}",
        folder.display(), variants.join(", ")
    )]
    Variants {
        /// The folder.
        folder: PathBuf,
        /// Their names.
        variants: Vec<String>,
        /// The name of a file without a variant.
        name: String,
    },
    /// Files that stand for others.
    #[error(
        "{} was cloned without its contents: these files are pointers of Git LFS; run `git lfs pull` there:{}",
        folder.display(), list_paths(pointers)
    )]
    Pointers {
        /// The folder.
        folder: PathBuf,
        /// The files.
        pointers: Vec<PathBuf>,
    },
    /// A network that is larger than its weights, or than the machine.
    #[error("{}: {reason}", config.display())]
    Size {
        /// The configuration.
        config: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A configuration of a text encoder whose keys do not fit each other, or a tokenizer that does not fit its encoder.
    #[error("{}: {reason}", path.display())]
    Text {
        /// The configuration, or the tokenizer's folder.
        path: PathBuf,
        /// What does not fit.
        reason: text::TextError,
    },
    /// A tokenizer that cannot be read.
    #[error(transparent)]
    Tokenizer(#[from] text::TextError),
    /// Weights of another network.
    #[error("the weights in {} are not those of {}:{}", path.display(), config.display(), list(problems))]
    Weights {
        /// The weights.
        path: PathBuf,
        /// The configuration beside them.
        config: PathBuf,
        /// One line for each tensor that is missing, superfluous or of another shape.
        problems: Vec<String>,
    },
    /// Tensors that cannot be taken from or given to the device.
    #[error("failed to move tensors between host and device: {0}")]
    Device(String),
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] data::DataError),
}

fn list(problems: &[String]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

fn list_paths(paths: &[PathBuf]) -> String {
    let name =
        |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().escape_debug().to_string();
    list(&paths.iter().map(name).collect::<Vec<_>>())
}

impl LayoutError {
    /// For `map_err` on file operations.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Io { action, path, reason }
    }

    /// For `map_err` on parsers.
    pub fn damaged<E: std::fmt::Display>(path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |error| Self::Damaged { path, reason: error.to_string() }
    }
}

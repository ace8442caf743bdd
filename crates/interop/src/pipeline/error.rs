use crate::InteropError;

/// Why a pipeline does not draw.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A part that cannot be read.
    #[error(transparent)]
    Part(#[from] InteropError),
    /// A walk that is impossible, or was stopped.
    #[error(transparent)]
    Walk(#[from] diffusion::DiffusionError),
    /// Steps that do not fit the chain.
    #[error(transparent)]
    Levels(#[from] schedules::ScheduleError),
    /// More layers left out than there are.
    #[error("clip skip {clip_skip}: the text encoder has {layers} layers")]
    ClipSkip {
        /// How many were to be left out.
        clip_skip: usize,
        /// How many there are.
        layers: usize,
    },
    /// A tile that is too small.
    #[error(transparent)]
    Tile(#[from] autoencoder::AutoencoderError),
    /// A size that cannot be halved so often.
    #[error(
        "images of {height}x{width} cannot be drawn: use multiples of {multiple} from {multiple} to 16384"
    )]
    Size {
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
        /// What both must be a multiple of.
        multiple: usize,
    },
    /// An enlarging pipeline without an image, or another with one.
    #[error("{class} {wants}")]
    Start {
        /// The pipeline's class.
        class: String,
        /// What it begins with instead.
        wants: &'static str,
    },
    /// A noise level that the network never saw.
    #[error("noise level {level}: this pipeline knows 0 to {most}")]
    NoiseLevel {
        /// What was asked for.
        level: usize,
        /// The largest.
        most: usize,
    },
    /// A class that the network never saw.
    #[error("no class {label}: this folder has classes 0..{last}")]
    Class {
        /// What was asked for.
        label: usize,
        /// The last that there is.
        last: usize,
    },
    /// A network that is told what the pipeline does not know.
    #[error("{class}: its network asks for {input}, which this pipeline does not have")]
    Input {
        /// The pipeline's class.
        class: String,
        /// What is missing.
        input: &'static str,
    },
    /// A text encoder and a network that are not of one model.
    #[error(
        "{class}: the text encoder gives {found} channels, but the network takes {wanted}: they are not of one model"
    )]
    TextChannels {
        /// The pipeline's class.
        class: String,
        /// Channels of what the encoder gives.
        found: usize,
        /// Channels of what the network takes.
        wanted: usize,
    },
    /// A network that cannot be called so.
    #[error(transparent)]
    Forward(#[from] unet::ForwardError),
    /// A scheduler without a chain, with a sampler of ours.
    #[error("{class} has no chain of timesteps that another sampler could walk; leave out --sampler")]
    NoChain {
        /// The scheduler's class.
        class: String,
    },
}

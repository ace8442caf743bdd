/// What cannot be sampled.
#[derive(Debug, thiserror::Error)]
pub enum DiffusionError {
    /// A level without signal, for a network that predicts noise.
    #[error(
        "eps-prediction cannot recover an image from a level without signal (alpha {alpha:.1e}): \
         train with parameterization v or x0, or sample with a spacing that starts lower"
    )]
    NoSignal {
        /// The level's alpha.
        alpha: f64,
    },
    /// An option of a solver that is outside what the solver is defined for.
    #[error("solver: {option} = {value}: it must be from {least} to {most}")]
    SolverOption {
        /// The option.
        option: &'static str,
        /// Its value.
        value: f64,
        /// The lowest that may be.
        least: f64,
        /// The highest that may be.
        most: f64,
    },
    /// An image-to-image walk of no length, or of more than there is.
    #[error("strength {strength}: it must be above 0 and at most 1")]
    Strength {
        /// What was asked for.
        strength: f64,
    },
    /// The observer asked to stop.
    #[error("stopped after {done} of {total} steps")]
    Stopped {
        /// Steps finished.
        done: usize,
        /// Steps planned.
        total: usize,
    },
    /// A network that should predict a variance has too few output channels.
    #[error(
        "a learned variance needs as many output channels again as the image has; the network's half is {channels}"
    )]
    NoVariance {
        /// Half of its output channels.
        channels: usize,
    },
    /// Numbers that cannot be read from the device.
    #[error("failed to read from the device: {0}")]
    Unreadable(String),
    /// An ODE that the tolerance cannot be met on.
    #[error(
        "the ODE is not solved to tolerance {tolerance:e} after {evaluations} evaluations (stuck at {share:.1}% of the \
         way): give a larger tolerance, or check that the model answers with numbers"
    )]
    Unsolved {
        /// Relative and absolute tolerance.
        tolerance: f64,
        /// Evaluations spent.
        evaluations: usize,
        /// How far it came, in percent.
        share: f64,
    },
    /// The levels that a sampler should visit do not exist.
    #[error(transparent)]
    Schedule(#[from] schedules::ScheduleError),
}

/// A chain or a network that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DpmError {
    /// The chain's noise.
    #[error("schedule: {0}")]
    Schedule(#[from] schedules::ScheduleError),
    /// A value that does not fit.
    #[error("{key} = {value}: {reason}")]
    Value {
        /// The key of the configuration.
        key: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        reason: &'static str,
    },
    /// The observer of a sampling broke it off.
    #[error("stopped after {done} of {total} steps")]
    Stopped {
        /// Steps done.
        done: usize,
        /// Steps of the whole walk.
        total: usize,
    },
}

impl DpmError {
    pub(crate) fn value(key: &'static str, value: impl ToString, reason: &'static str) -> Self {
        Self::Value { key, value: value.to_string(), reason }
    }
}

/// What a schedule or a spacing refuses.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// A chain needs at least one step.
    #[error("num_train_timesteps is 0: a chain needs at least 1 timestep")]
    EmptyChain,
    /// A chain that no network was trained on.
    #[error("num_train_timesteps is {num_train_timesteps}: a chain has at most {most} timesteps")]
    LongChain {
        /// The length asked for.
        num_train_timesteps: usize,
        /// The longest.
        most: usize,
    },
    /// A beta outside `(0, 1]`.
    #[error(
        "schedule: beta {beta} at timestep {timestep} is outside (0, 1]: change the schedule's parameters"
    )]
    BetaOutOfRange {
        /// Timestep, from 0.
        timestep: usize,
        /// The offending value.
        beta: f64,
    },
    /// More sampling steps than trained timesteps, or none.
    #[error(
        "{steps} sampling steps do not fit a chain of {num_train_timesteps}: use 1 to {num_train_timesteps}"
    )]
    StepsOutOfRange {
        /// Sampling steps asked for.
        steps: usize,
        /// Length of the trained chain.
        num_train_timesteps: usize,
    },
    /// Timesteps that are not so many of the chain's own, falling.
    #[error(
        "spacing: timesteps {timesteps:?} are not {steps} falling ones below {num_train_timesteps}: list as many as \
         there are steps, or choose a smaller offset"
    )]
    TimestepsOutOfRange {
        /// The timesteps.
        timesteps: Vec<usize>,
        /// Sampling steps asked for.
        steps: usize,
        /// Length of the trained chain.
        num_train_timesteps: usize,
    },
    /// An option outside what it is defined for.
    #[error("{of}: {key} = {value}: it must be {range}")]
    OutOfRange {
        /// Whose option.
        of: &'static str,
        /// The option.
        key: &'static str,
        /// The offending value.
        value: f64,
        /// Where it must be.
        range: &'static str,
    },
    /// A law of noise that is no chain, where one is needed.
    #[error("schedule = \"{law}\" has no chain of timesteps, which this needs: use a schedule of betas")]
    NoChain {
        /// The law.
        law: &'static str,
    },
    /// A spacing by timesteps of a law that has none.
    #[error(
        "spacing = \"{spacing}\" counts timesteps, and schedule = \"edm\" has none: use karras, exponential or beta"
    )]
    NoTimesteps {
        /// The spacing.
        spacing: String,
    },
    /// A walk that would begin where there is signal.
    #[error(
        "spacing = \"{spacing}\" begins at timestep {timestep} of {num_train_timesteps}, and a flow is drawn from noise \
         alone: use trailing or linspace"
    )]
    LateStart {
        /// The spacing.
        spacing: String,
        /// Where it begins, from 0.
        timestep: usize,
        /// Timesteps of the flow.
        num_train_timesteps: usize,
    },
    /// A table of betas of another length than the chain.
    #[error("schedule: {betas} betas for a chain of {num_train_timesteps}: give one beta for each timestep")]
    TableLength {
        /// Betas given.
        betas: usize,
        /// Length of the trained chain.
        num_train_timesteps: usize,
    },
    /// Noise cannot be laid out from infinity.
    #[error("this spacing needs a chain that keeps some signal: use leading, trailing or linspace")]
    NoSignal,
    /// Levels of a walk of which one is not less noisy than the one before.
    #[error(
        "noise does not fall in step {step} of the walk: change the schedule's parameters, or use fewer steps"
    )]
    NotFalling {
        /// Which step, from 0.
        step: usize,
    },
    /// Levels that are not each noisier than the one before.
    #[error("levels do not rise at step {step}: use a spacing that visits no level twice, or fewer steps")]
    NotRising {
        /// Where, from 0.
        step: usize,
    },
}

impl ScheduleError {
    /// Checks keys of a schedule, each with its value, whether that fits, and what would.
    pub(crate) fn first_out_of_range<const N: usize>(
        keys: [(&'static str, f64, bool, &'static str); N],
    ) -> Result<(), Self> {
        match keys.into_iter().find(|(_, _, fits, _)| !fits) {
            Some((key, value, _, range)) => Err(Self::OutOfRange { of: "schedule", key, value, range }),
            None => Ok(()),
        }
    }
}

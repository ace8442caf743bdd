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
    /// A rho that lays out nothing.
    #[error("spacing: rho = {rho}: it must be above 0")]
    RhoOutOfRange {
        /// The offending value.
        rho: f64,
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
    /// Levels that are not each noisier than the one before.
    #[error("levels do not rise at step {step}: use a spacing that visits no level twice, or fewer steps")]
    NotRising {
        /// Where, from 0.
        step: usize,
    },
}

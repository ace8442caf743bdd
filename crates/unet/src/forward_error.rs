/// What a network is not called with; the text says what it takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// It is not given what it needs.
    #[error("the network needs {what}, and is given none")]
    Missing {
        /// What it needs.
        what: &'static str,
    },
    /// It is given what it has no use for.
    #[error("the network takes no {what}, and is given some")]
    Alien {
        /// What it is given.
        what: &'static str,
    },
    /// It is given too few or too many.
    #[error("the network takes {wanted} {what}, and is given {found}")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many it takes.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// Images that it cannot halve.
    #[error(
        "the network takes images whose sides are multiples of {multiple}, and is given {height}x{width}"
    )]
    Size {
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
        /// What both must be a multiple of.
        multiple: usize,
    },
}

/// Refuses another count than is taken.
pub(crate) fn count(what: &'static str, wanted: usize, found: usize) -> Result<(), ForwardError> {
    if wanted == found { Ok(()) } else { Err(ForwardError::Count { what, wanted, found }) }
}

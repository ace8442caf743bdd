use std::io;
use std::path::PathBuf;

/// Why there is no text encoder or tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// A size or count is zero.
    #[error("{key} is 0; use at least 1")]
    Zero {
        /// The key of the configuration.
        key: &'static str,
    },
    /// A size or count that no memory holds.
    #[error("{key} is {value}; use at most {most}")]
    TooLarge {
        /// The key of the configuration.
        key: &'static str,
        /// Its value.
        value: usize,
        /// The largest that is taken.
        most: usize,
    },
    /// A number that norms cannot be computed with.
    #[error("norm_eps is {value}; use a value above 0 and below 1")]
    NormEps {
        /// Its value.
        value: f64,
    },
    /// Channels do not divide into heads.
    #[error("heads {heads} does not divide the {channels} channels; use a divisor of {channels}")]
    Heads {
        /// The heads.
        heads: usize,
        /// The channels to divide.
        channels: usize,
    },
    /// Relative positions that fall into too few buckets, or none.
    #[error(
        "{buckets} buckets up to a distance of {distance}; use at least 4, and a distance above a quarter of them"
    )]
    Buckets {
        /// The buckets.
        buckets: usize,
        /// From where on all are in one.
        distance: usize,
    },
    /// A file that cannot be read.
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
    /// A folder without a tokenizer.
    #[error(
        "{} holds no tokenizer: it needs vocab.json with merges.txt, spiece.model, vocab.txt or tokenizer.json",
        path.display()
    )]
    NoTokenizer {
        /// The folder.
        path: PathBuf,
    },
    /// Tokens that the encoder beside a tokenizer does not have.
    #[error(
        "the tokenizer has {tokens} tokens, but its encoder only {vocabulary}: they are not of one model"
    )]
    Vocabulary {
        /// How many the tokenizer has.
        tokens: usize,
        /// How many the encoder has.
        vocabulary: usize,
    },
}

impl TextError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Io { action, path, reason }
    }

    pub(crate) fn damaged<E: std::fmt::Display>(path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |error| Self::Damaged { path, reason: error.to_string() }
    }
}

/// Refuses what a norm cannot add to a variance.
pub(crate) fn check_eps(value: f64) -> Result<(), TextError> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(TextError::NormEps { value }) }
}

/// Refuses what is zero or beyond any memory.
pub(crate) fn check_counts(counts: &[(&'static str, usize)]) -> Result<(), TextError> {
    const MOST: usize = 1 << 24;
    for &(key, value) in counts {
        match value {
            0 => return Err(TextError::Zero { key }),
            value if value > MOST => return Err(TextError::TooLarge { key, value, most: MOST }),
            _ => {}
        }
    }
    Ok(())
}

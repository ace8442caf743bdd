/// Why two sets cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// Values that do not make rows.
    #[error("{values} values do not make rows of {width}")]
    Ragged {
        /// How many values there are.
        values: usize,
        /// How many a row should have.
        width: usize,
    },
    /// Features of two different kinds.
    #[error("rows of {first} numbers cannot be compared with rows of {second}")]
    Widths {
        /// Numbers in a row of the first set.
        first: usize,
        /// Numbers in a row of the second set.
        second: usize,
    },
    /// Not enough images.
    #[error("{found} images are too few: {needed} are needed")]
    TooFew {
        /// How many there are.
        found: usize,
        /// How many there must be.
        needed: usize,
    },
    /// A feature that is no number.
    #[error("a feature of image {row} is not finite")]
    NotFinite {
        /// The image.
        row: usize,
    },
}

/// Why there is no network that judges images, or it says nothing.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// An image that cannot be read.
    #[error(transparent)]
    Data(#[from] data::DataError),
    /// Weights that cannot be read, or are those of another network.
    #[error(transparent)]
    Weights(#[from] layout::LayoutError),
    /// A device that fails.
    #[error("failed to compute on the device: {0}")]
    Device(String),
}

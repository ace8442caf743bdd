use crate::error::DataError;

/// Images in another form, such as the latents of an autoencoder, from any thread.
pub trait ReadEncoded: Send + Sync {
    /// Appends the values `[C, H, W]` of image `index` of its set, or of its mirror image.
    ///
    /// # Errors
    ///
    /// If there is no such image, or it cannot be read.
    fn read(&self, index: usize, mirrored: bool, values: &mut Vec<f32>) -> Result<(), DataError>;
}

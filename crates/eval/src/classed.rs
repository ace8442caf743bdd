use data::{DataError, HostBatch};
use features::Examples;

use crate::images::Images;

/// Images in memory, of so many classes.
#[derive(Clone, Copy, Debug)]
pub struct Classed<'a> {
    /// The images.
    pub images: &'a Images,
    /// Classes of their data set.
    pub classes: usize,
}

impl Examples for Classed<'_> {
    fn count(&self) -> usize {
        self.images.len()
    }

    fn shape(&self) -> [usize; 3] {
        self.images.shape
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn batch(&self, indices: &[usize]) -> Result<HostBatch, DataError> {
        let chosen = self.images.select(indices);
        let [channels, height, width] = chosen.shape;
        let pixels = chosen.values();
        Ok(HostBatch { pixels, labels: chosen.labels, shape: [indices.len(), channels, height, width] })
    }
}

use data::{DataError, HostBatch, ImageSet};

/// Images with a class each, which a classifier learns.
pub trait Examples {
    /// How many there are.
    fn count(&self) -> usize;

    /// `[C, H, W]`
    fn shape(&self) -> [usize; 3];

    /// How many classes there are.
    fn classes(&self) -> usize;

    /// The images `indices`, in this order, with their classes.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    fn batch(&self, indices: &[usize]) -> Result<HostBatch, DataError>;
}

/// The images of a set with the classes that its data have.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// The set.
    pub set: &'a ImageSet,
    /// Its number of classes.
    pub classes: usize,
}

impl Examples for Labelled<'_> {
    fn count(&self) -> usize {
        self.set.len()
    }

    fn shape(&self) -> [usize; 3] {
        self.set.image_shape()
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn batch(&self, indices: &[usize]) -> Result<HostBatch, DataError> {
        self.set.fixed(indices)
    }
}

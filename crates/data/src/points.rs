//! Data that are numbers, not pictures: points, sequences of bits.

use crate::fingerprint::Fingerprint;

/// Points of one shape, one after the other.
pub(crate) struct Points {
    pub(crate) values: Vec<f32>,
    /// `[C, H, W]`; a point of D numbers is `[D, 1, 1]`.
    pub(crate) shape: [usize; 3],
}

impl Points {
    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.size()
    }

    pub(crate) fn point(&self, index: usize) -> &[f32] {
        &self.values[index * self.size()..][..self.size()]
    }

    fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Points as their reader found or drew them.
pub(crate) struct OpenedPoints {
    pub(crate) train: Points,
    /// Where the source has a validation set of its own.
    pub(crate) valid: Option<Points>,
    pub(crate) fingerprint: Fingerprint,
}

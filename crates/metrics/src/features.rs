use nalgebra::DMatrix;

use crate::error::MetricError;

/// One row of numbers for each image of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    values: Vec<f32>,
    width: usize,
}

impl Features {
    /// Rows of `width` numbers, one after the other.
    ///
    /// # Errors
    ///
    /// If they do not make whole rows, or one is not finite.
    pub fn new(values: Vec<f32>, width: usize) -> Result<Self, MetricError> {
        if width == 0 || !values.len().is_multiple_of(width) {
            return Err(MetricError::Ragged { values: values.len(), width });
        }
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            return Err(MetricError::NotFinite { row: place / width });
        }
        Ok(Self { values, width })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    /// The rows `indices`, in this order.
    ///
    /// # Panics
    ///
    /// If one of them does not exist.
    pub fn select(&self, indices: &[usize]) -> Self {
        let row = |&index: &usize| &self.values[index * self.width..][..self.width];
        Self { values: indices.iter().flat_map(row).copied().collect(), width: self.width }
    }

    /// The transpose, in f64: a column for each image.
    pub(crate) fn columns(&self) -> DMatrix<f64> {
        DMatrix::from_iterator(self.width, self.len(), self.values.iter().map(|&value| f64::from(value)))
    }

    pub(crate) fn comparable(&self, other: &Self, needed: usize) -> Result<(), MetricError> {
        if self.width != other.width {
            return Err(MetricError::Widths { first: self.width, second: other.width });
        }
        let found = self.len().min(other.len());
        if found < needed { Err(MetricError::TooFew { found, needed }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_table_of_numbers_is_refused() {
        assert_eq!(Features::new(vec![0.0; 5], 2), Err(MetricError::Ragged { values: 5, width: 2 }));
        assert_eq!(Features::new(vec![], 0), Err(MetricError::Ragged { values: 0, width: 0 }));
        let values = vec![0.0, 0.0, 0.0, f32::NAN];
        assert_eq!(Features::new(values, 2), Err(MetricError::NotFinite { row: 1 }));
    }

    #[test]
    fn rows_are_selected_in_order() {
        let features = Features::new(vec![0.0, 1.0, 10.0, 11.0, 20.0, 21.0], 2).unwrap();
        assert_eq!(features.select(&[2, 0]), Features::new(vec![20.0, 21.0, 0.0, 1.0], 2).unwrap());
    }
}

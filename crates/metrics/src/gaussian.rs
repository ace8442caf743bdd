use nalgebra::{DMatrix, DVector};

use crate::error::MetricError;
use crate::features::Features;

/// Mean and covariance of a set of features.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    /// `[D]`
    pub mean: DVector<f64>,
    /// `[D, D]`
    pub covariance: DMatrix<f64>,
}

impl Gaussian {
    /// The mean and the unbiased covariance of a set of two images or more.
    ///
    /// # Errors
    ///
    /// If there are fewer.
    pub fn fit(features: &Features) -> Result<Self, MetricError> {
        features.comparable(features, 2)?;
        let mut columns = features.columns();
        let mean = columns.column_mean();
        for mut column in columns.column_iter_mut() {
            column -= &mean;
        }
        let covariance = &columns * columns.transpose() / (features.len() - 1) as f64;
        Ok(Self { mean, covariance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four points: mean (2, 3), sums of squares 8 and 20, of products 12, over 3.
    #[test]
    fn moments_are_unbiased() {
        let points = Features::new(vec![0.0, 0.0, 2.0, 2.0, 2.0, 4.0, 4.0, 6.0], 2).unwrap();
        let fitted = Gaussian::fit(&points).unwrap();
        assert_eq!(fitted.mean.as_slice(), [2.0, 3.0]);
        let expected = [8.0, 12.0, 12.0, 20.0].map(|sum| sum / 3.0);
        assert!(fitted.covariance.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{fitted:?}");
    }

    #[test]
    fn one_image_has_no_covariance() {
        let error = Gaussian::fit(&Features::new(vec![1.0], 1).unwrap()).unwrap_err();
        assert_eq!(error, MetricError::TooFew { found: 1, needed: 2 });
    }
}

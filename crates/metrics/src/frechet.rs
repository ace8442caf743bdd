use nalgebra::{DMatrix, SymmetricEigen};

use crate::error::MetricError;
use crate::gaussian::Gaussian;

/// The Frechet distance of two Gaussians, squared as is usual:
/// `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))` (Dowson & Landau 1982; of Inception's features: Heusel et al. 2017,
/// arXiv 1706.08500, eq. 6).
///
/// `S1 S2` and `S1^(1/2) S2 S1^(1/2)` have the same eigenvalues, and the latter is symmetric, so that singular
/// covariances need no offset.
///
/// # Errors
///
/// If the Gaussians are over different spaces.
pub fn frechet_distance(first: &Gaussian, second: &Gaussian) -> Result<f64, MetricError> {
    let [first_width, second_width] = [first, second].map(|gaussian| gaussian.mean.len());
    if first_width != second_width {
        return Err(MetricError::Widths { first: first_width, second: second_width });
    }
    let root = square_root(first.covariance.clone());
    let product = &root * &second.covariance * &root;
    let symmetric = (&product + product.transpose()) * 0.5;
    let overlap: f64 = symmetric.symmetric_eigenvalues().iter().map(|value| value.max(0.0).sqrt()).sum();
    let means = (&first.mean - &second.mean).norm_squared();
    Ok(means + first.covariance.trace() + second.covariance.trace() - 2.0 * overlap)
}

/// Of a symmetric matrix without negative eigenvalues but for rounding.
fn square_root(matrix: DMatrix<f64>) -> DMatrix<f64> {
    let SymmetricEigen { eigenvectors, eigenvalues } = matrix.symmetric_eigen();
    let roots = DMatrix::from_diagonal(&eigenvalues.map(|value| value.max(0.0).sqrt()));
    &eigenvectors * roots * eigenvectors.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DVector;

    fn gaussian(mean: [f64; 2], rows: [[f64; 2]; 2]) -> Gaussian {
        Gaussian {
            mean: DVector::from_row_slice(&mean),
            covariance: DMatrix::from_row_slice(2, 2, rows.as_flattened()),
        }
    }

    #[track_caller]
    fn assert_distance(a: &Gaussian, b: &Gaussian, expected: f64) {
        for distance in [frechet_distance(a, b), frechet_distance(b, a)] {
            let distance = distance.unwrap();
            assert!((distance - expected).abs() < 1e-9, "{distance} is not {expected}");
        }
    }

    /// Independent directions: `|m|^2` and `(s1 - s2)^2` each.
    #[test]
    fn axes_add_up() {
        let first = gaussian([0.0, 1.0], [[4.0, 0.0], [0.0, 1.0]]);
        let second = gaussian([3.0, 1.0], [[9.0, 0.0], [0.0, 0.25]]);
        assert_distance(&first, &second, 9.0 + 1.0 + 0.25);
    }

    /// `S1 S2 = [[5, -1], [0, 2]]`, whose eigenvalues are 5 and 2; the two do not commute.
    #[test]
    fn covariances_need_not_commute() {
        let first = gaussian([0.0, 0.0], [[2.0, 1.0], [1.0, 3.0]]);
        let second = gaussian([0.0, 0.0], [[3.0, -1.0], [-1.0, 1.0]]);
        assert_distance(&first, &second, 5.0 + 4.0 - 2.0 * (5f64.sqrt() + 2f64.sqrt()));
    }

    /// Lines in different directions, `s u u^T`: `tr (S1 S2)^(1/2) = sqrt(s1 s2) |u1 . u2|`.
    #[test]
    fn singular_covariances_are_no_trouble() {
        let first = gaussian([0.0, 0.0], [[4.0, 0.0], [0.0, 0.0]]);
        let second = gaussian([0.0, 0.0], [[4.5, 4.5], [4.5, 4.5]]);
        assert_distance(&first, &second, 4.0 + 9.0 - 2.0 * 6.0 * 0.5f64.sqrt());
    }
}

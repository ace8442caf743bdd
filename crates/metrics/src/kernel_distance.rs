use nalgebra::DMatrix;
use random::Seed;
use rayon::prelude::*;

use crate::error::MetricError;
use crate::features::Features;

/// Random subsets that the distance is averaged over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsets {
    /// How many, at least two.
    pub number: u64,
    /// Images in each.
    pub size: usize,
}

impl Default for Subsets {
    /// Those of Binkowski et al. 2018, section 4.
    fn default() -> Self {
        Self { number: 100, size: 1000 }
    }
}

/// A kernel distance and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KernelDistance {
    /// The mean over subsets.
    pub mean: f64,
    /// Its standard deviation over subsets; none where the sets are too small to have several.
    pub deviation: Option<f64>,
}

/// The kernel distance: the unbiased squared maximum mean discrepancy for the kernel `(x.y / D + 1)^3`
/// (Binkowski et al. 2018, arXiv 1801.01401, sections 3 and 4), averaged over random subsets; of all images at
/// once where there are no more than in a subset.
///
/// It does not depend on the number of images, and is around 0, perhaps below, for two sets of one kind.
///
/// # Errors
///
/// If the sets are of different kinds, or have fewer than two images.
pub fn kernel_distance(
    real: &Features,
    fake: &Features,
    subsets: Subsets,
    seed: u64,
) -> Result<KernelDistance, MetricError> {
    real.comparable(fake, 2)?;
    let size = real.len().min(fake.len());
    if size <= subsets.size {
        return Ok(KernelDistance { mean: unbiased(real, fake), deviation: None });
    }
    let subset = |set: &Features, purpose, index| {
        let order = Seed(seed).stream(purpose, index).permutation(set.len());
        set.select(&order[..subsets.size])
    };
    let distances: Vec<f64> = (0..subsets.number)
        .into_par_iter()
        .map(|index| {
            unbiased(&subset(real, "metrics/kernel/real", index), &subset(fake, "metrics/kernel/fake", index))
        })
        .collect();
    let number = distances.len() as f64;
    let mean = distances.iter().sum::<f64>() / number;
    let variance = distances.iter().map(|distance| (distance - mean).powi(2)).sum::<f64>();
    Ok(KernelDistance { mean, deviation: Some((variance / (number - 1.0)).sqrt()) })
}

fn unbiased(real: &Features, fake: &Features) -> f64 {
    let (real, fake) = (real.columns(), fake.columns());
    let across = kernel(&real, &fake);
    off_diagonal_mean(&kernel(&real, &real)) + off_diagonal_mean(&kernel(&fake, &fake)) - 2.0 * across.mean()
}

fn kernel(first: &DMatrix<f64>, second: &DMatrix<f64>) -> DMatrix<f64> {
    let width = first.nrows() as f64;
    (first.transpose() * second).map(|product| {
        let base = product / width + 1.0;
        base * base * base
    })
}

fn off_diagonal_mean(matrix: &DMatrix<f64>) -> f64 {
    let n = matrix.nrows() as f64;
    (matrix.sum() - matrix.trace()) / (n * (n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `k(1, 2) = 27`, `k(0, 3) = 1`, and across 1, 64, 1, 343.
    #[test]
    fn pairs_of_one_image_are_left_out() {
        let real = Features::new(vec![1.0, 2.0], 1).unwrap();
        let fake = Features::new(vec![0.0, 3.0], 1).unwrap();
        let distance = kernel_distance(&real, &fake, Subsets::default(), 0).unwrap();
        assert_eq!(distance, KernelDistance { mean: 27.0 + 1.0 - 2.0 * 409.0 / 4.0, deviation: None });
    }

    /// Sets of one law are 0 apart within the error that the deviation states; shifted sets are not.
    #[test]
    fn it_is_unbiased_and_sees_a_shift() {
        let set = |index, shift: f32| {
            let values = Seed(5).stream("tests", index).normal(220 * 4);
            Features::new(values.into_iter().map(|value| value + shift).collect(), 4).unwrap()
        };
        let subsets = Subsets { number: 30, size: 200 };
        let same = kernel_distance(&set(0, 0.0), &set(1, 0.0), subsets, 0).unwrap();
        assert!(same.mean.abs() < 3.0 * same.deviation.unwrap(), "{same:?}");
        let shifted = kernel_distance(&set(0, 0.0), &set(1, 0.5), subsets, 0).unwrap();
        assert!(shifted.mean > 5.0 * shifted.deviation.unwrap(), "{shifted:?}");
    }
}

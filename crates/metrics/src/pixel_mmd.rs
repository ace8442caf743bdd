use random::Seed;
use rayon::prelude::*;

use crate::error::MetricError;
use crate::features::Features;
use crate::neighbours::map_distances;

/// Images of each set at most: the test compares all pairs.
const MOST: usize = 500;
/// Random partings of the joined sets that the p-value counts.
const PERMUTATIONS: u64 = 999;

/// A squared maximum mean discrepancy and its significance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelMmd {
    /// The unbiased estimate; around 0, perhaps below, for two sets of one kind.
    pub mmd: f64,
    /// The probability of one as large if both sets were of one kind; 0.001 at least.
    pub p: f64,
}

/// The two-sample test of Gretton et al. 2012 ("A kernel two-sample test", eq. 3) with a Gaussian kernel as wide as the
/// median distance of all pairs, and a p-value by permutation; of at most 500 images of each set.
///
/// # Errors
///
/// If the sets are of different kinds, or have fewer than two images.
pub fn pixel_mmd(first: &Features, second: &Features, seed: u64) -> Result<PixelMmd, MetricError> {
    first.comparable(second, 2)?;
    let few = |set: &Features, index| {
        let order = Seed(seed).stream("metrics/mmd/subset", index).permutation(set.len());
        set.select(&order[..set.len().min(MOST)])
    };
    let (first, second) = (few(first, 0), few(second, 1));
    let joined: Vec<f32> = first.rows().chain(second.rows()).flatten().copied().collect();
    let joined = Features::new(joined, first.width())?;
    let kernel = gaussian_kernel(&joined);
    let n = joined.len();
    let parted: Vec<bool> = (0..n).map(|index| index < first.len()).collect();
    let mmd = discrepancy(&kernel, &parted);
    let as_large = (0..PERMUTATIONS)
        .into_par_iter()
        .filter(|&index| {
            let order = Seed(seed).stream("metrics/mmd/permutation", index).permutation(n);
            let parted: Vec<bool> = order.iter().map(|&place| parted[place]).collect();
            discrepancy(&kernel, &parted) >= mmd
        })
        .count();
    Ok(PixelMmd { mmd, p: (1 + as_large) as f64 / (1 + PERMUTATIONS) as f64 })
}

/// Rows of `exp(-|x - y|^2 / (2 median |x - y|^2))`, 0 on the diagonal.
fn gaussian_kernel(set: &Features) -> Vec<Vec<f64>> {
    let mut rows = map_distances(set, set, |_, distances| distances.to_vec());
    let pairs = |(i, row): (usize, &Vec<f64>)| row[..i].to_vec();
    let mut all: Vec<f64> = rows.iter().enumerate().flat_map(pairs).collect();
    let middle = all.len() / 2;
    let median = *all.select_nth_unstable_by(middle, f64::total_cmp).1;
    let width = if median > 0.0 { median } else { 1.0 };
    for (i, row) in rows.iter_mut().enumerate() {
        for value in row.iter_mut() {
            *value = (-*value / (2.0 * width)).exp();
        }
        row[i] = 0.0;
    }
    rows
}

/// Of the images that are `parted` from those that are not.
fn discrepancy(kernel: &[Vec<f64>], parted: &[bool]) -> f64 {
    let (mut within, mut without, mut across) = (0.0, 0.0, 0.0);
    for (row, &here) in kernel.iter().zip(parted) {
        let (mut same, mut all) = (0.0, 0.0);
        for (value, &there) in row.iter().zip(parted) {
            all += value;
            same += if here == there { *value } else { 0.0 };
        }
        across += all - same;
        *(if here { &mut within } else { &mut without }) += same;
    }
    let n = parted.iter().filter(|parted| **parted).count() as f64;
    let m = parted.len() as f64 - n;
    within / (n * (n - 1.0)) + without / (m * (m - 1.0)) - across / (n * m)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points 0 and 1 against 0 and 2: the median of the squared distances 0, 1, 1, 1, 4, 4 is 1.
    #[test]
    fn the_estimate_is_the_definition() {
        let set = |points: [f32; 2]| Features::new(points.to_vec(), 1).unwrap();
        let found = pixel_mmd(&set([0.0, 1.0]), &set([0.0, 2.0]), 0).unwrap();
        let k = |squared: f64| (-squared / 2.0).exp();
        let expected = k(1.0) + k(4.0) - 2.0 * (k(0.0) + k(4.0) + k(1.0) + k(1.0)) / 4.0;
        assert!((found.mmd - expected).abs() < 1e-12, "{found:?} {expected}");
    }

    #[test]
    fn a_shift_is_significant_and_none_is_not() {
        let set = |index, shift: f32| {
            let values = Seed(2).stream("tests", index).normal(100 * 5);
            Features::new(values.into_iter().map(|value| value + shift).collect(), 5).unwrap()
        };
        let same = pixel_mmd(&set(0, 0.0), &set(1, 0.0), 0).unwrap();
        assert!(same.p > 0.05 && same.mmd.abs() < 0.01, "{same:?}");
        let shifted = pixel_mmd(&set(0, 0.0), &set(1, 0.5), 0).unwrap();
        assert_eq!(shifted.p, 0.001, "{shifted:?}");
    }
}

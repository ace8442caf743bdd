use crate::error::MetricError;
use crate::features::Features;
use crate::neighbours::{map_distances, radii};

/// How much of one set lies in the other's manifold, both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrecisionRecall {
    /// The share of the fakes within the balls around the real images.
    pub precision: f64,
    /// The share of the real images within the balls around the fakes.
    pub recall: f64,
}

/// Improved precision and recall (Kynkaanniemi et al. 2019, arXiv 1904.06991, eqs. 1 to 3): a set's manifold is the
/// union of balls around its images that reach to the `k`-th nearest other one.
///
/// # Errors
///
/// If the sets are of different kinds, or have no more than `k` images.
pub fn precision_recall(real: &Features, fake: &Features, k: usize) -> Result<PrecisionRecall, MetricError> {
    real.comparable(fake, k + 1)?;
    Ok(PrecisionRecall { precision: share_within(real, fake, k), recall: share_within(fake, real, k) })
}

/// The share of `others` within the manifold of `set`.
fn share_within(set: &Features, others: &Features, k: usize) -> f64 {
    let reach = radii(set, k);
    let within = map_distances(others, set, |_, distances| {
        distances.iter().zip(&reach).any(|(distance, radius)| distance <= radius)
    });
    share(&within)
}

/// As precision and recall, but robust to outliers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DensityCoverage {
    /// How many balls around real images a fake lies in, on average, over `k`; 1 in expectation for two sets of one kind.
    pub density: f64,
    /// The share of the balls around real images that hold a fake.
    pub coverage: f64,
}

/// Density and coverage (Naeem et al. 2020, arXiv 2002.09797, eqs. 3 and 4).
///
/// # Errors
///
/// If the sets are of different kinds, or have no more than `k` images.
pub fn density_coverage(real: &Features, fake: &Features, k: usize) -> Result<DensityCoverage, MetricError> {
    real.comparable(fake, k + 1)?;
    let reach = radii(real, k);
    let held: Vec<usize> = map_distances(real, fake, |index, distances| {
        distances.iter().filter(|distance| **distance < reach[index]).count()
    });
    let covered: Vec<bool> = held.iter().map(|&count| count > 0).collect();
    let density = held.iter().sum::<usize>() as f64 / (k * fake.len()) as f64;
    Ok(DensityCoverage { density, coverage: share(&covered) })
}

fn share(hits: &[bool]) -> f64 {
    hits.iter().filter(|hit| **hit).count() as f64 / hits.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[f32]) -> Features {
        Features::new(points.to_vec(), 1).unwrap()
    }

    /// Balls around 0, 1, 2 and 10 reach 1, 1, 1 and 8; those around 0.5, 3.5, 30 and 31 reach 3, 3, 1 and 1.
    #[test]
    fn balls_on_a_line() {
        let (real, fake) = (line(&[0.0, 1.0, 2.0, 10.0]), line(&[0.5, 3.5, 30.0, 31.0]));
        let found = precision_recall(&real, &fake, 1).unwrap();
        assert_eq!(found, PrecisionRecall { precision: 0.5, recall: 0.75 });
        // 0.5 is in the balls of 0 and 1, 3.5 in that of 10; the balls of 0, 1 and 10 hold a fake.
        let found = density_coverage(&real, &fake, 1).unwrap();
        assert_eq!(found, DensityCoverage { density: 0.75, coverage: 0.75 });
    }

    #[test]
    fn a_set_without_a_mode_has_precision_and_no_recall() {
        let from = |start: u16| (start..start + 50).map(f32::from).collect::<Vec<f32>>();
        let (real, fake) = (line(&[from(0), from(1000)].concat()), line(&from(0)));
        let found = precision_recall(&real, &fake, 3).unwrap();
        assert_eq!(found, PrecisionRecall { precision: 1.0, recall: 0.5 });
        assert_eq!(density_coverage(&real, &fake, 3).unwrap().coverage, 0.5);
    }

    #[test]
    fn sets_need_more_than_k_images() {
        let error = precision_recall(&line(&[0.0; 3]), &line(&[0.0; 9]), 3).unwrap_err();
        assert_eq!(error, MetricError::TooFew { found: 3, needed: 4 });
    }
}

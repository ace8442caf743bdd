use serde::{Deserialize, Serialize};

use super::estimate::Estimate;

/// The variational bound of some images, term by term, in bits/dim.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// `L_T` of each image.
    pub prior: Vec<f64>,
    /// Of each step, by rising noise, the term of each image.
    pub terms: Vec<Vec<f64>>,
}

impl Bound {
    /// The whole bound of each image.
    pub fn totals(&self) -> Vec<f64> {
        let sum = |image: usize| self.terms.iter().map(|term| term[image]).sum::<f64>();
        self.prior.iter().enumerate().map(|(image, prior)| prior + sum(image)).collect()
    }
}

/// The variational bounds of many images, in bits/dim, gathered batch by batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundTally {
    /// Sum of `L_T` over the images.
    prior: f64,
    /// Sums of the terms of each step, by rising noise.
    terms: Vec<f64>,
    /// The whole bound of each image.
    totals: Vec<f64>,
}

impl BoundTally {
    /// That of one batch.
    pub fn of(bound: &Bound) -> Self {
        let sum = |values: &[f64]| values.iter().sum();
        Self {
            prior: sum(&bound.prior),
            terms: bound.terms.iter().map(|term| sum(term)).collect(),
            totals: bound.totals(),
        }
    }

    /// Adds other images of the same walk.
    pub fn join(mut self, other: Self) -> Self {
        self.terms.iter_mut().zip(&other.terms).for_each(|(sum, term)| *sum += term);
        self.prior += other.prior;
        self.totals.extend(other.totals);
        self
    }

    /// The whole bound of each image.
    pub fn totals(&self) -> &[f64] {
        &self.totals
    }

    /// The mean bound with its standard error.
    pub fn total(&self) -> Estimate {
        Estimate::of(&self.totals)
    }

    /// Mean `L_T`: what the chain's end still tells of the images.
    pub fn prior(&self) -> f64 {
        self.prior / self.totals.len() as f64
    }

    /// Mean `L_1 + ... + L_{T-1}`: what is told on the way (Ho et al. 2020, section 4.3, with `L_T`, call it the rate).
    pub fn rate(&self) -> f64 {
        self.terms().iter().skip(1).sum()
    }

    /// Mean `L_0`: what the last step leaves untold.
    pub fn distortion(&self) -> f64 {
        self.terms().first().copied().unwrap_or(0.0)
    }

    /// The mean term of each step, by rising noise.
    pub fn terms(&self) -> Vec<f64> {
        self.terms.iter().map(|sum| sum / self.totals.len() as f64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_add_up() {
        let first = Bound { prior: vec![0.5, 0.5], terms: vec![vec![2.0, 4.0], vec![1.0, 1.0]] };
        let second = Bound { prior: vec![2.0], terms: vec![vec![3.0], vec![4.0]] };
        let tally = BoundTally::of(&first).join(BoundTally::of(&second));
        assert_eq!((tally.prior(), tally.rate(), tally.distortion()), (1.0, 2.0, 3.0));
        assert_eq!(tally.terms(), [3.0, 2.0]);
        let total = tally.total();
        assert_eq!((total.mean, total.images), (6.0, 3));
        // 3.5, 5.5 and 9 around 6.
        assert!((total.standard_error - (15.5f64 / 2.0 / 3.0).sqrt()).abs() < 1e-12);
    }
}

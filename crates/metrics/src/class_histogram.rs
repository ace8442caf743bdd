use crate::error::MetricError;

/// How often each class occurs among images.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassHistogram {
    /// The share of each class; they add up to 1.
    pub shares: Vec<f64>,
}

impl ClassHistogram {
    /// Counts labels in `0..classes`; others are left out.
    ///
    /// # Errors
    ///
    /// If there is no label.
    pub fn new(labels: &[usize], classes: usize) -> Result<Self, MetricError> {
        let mut counts = vec![0usize; classes];
        for &label in labels {
            if let Some(count) = counts.get_mut(label) {
                *count += 1;
            }
        }
        match counts.iter().sum::<usize>() {
            0 => Err(MetricError::TooFew { found: 0, needed: 1 }),
            all => Ok(Self { shares: counts.iter().map(|&count| count as f64 / all as f64).collect() }),
        }
    }

    /// The total variation from another histogram: the share of images that would have to change their class, in
    /// `[0, 1]`.
    pub fn total_variation(&self, other: &Self) -> f64 {
        self.shares.iter().zip(&other.shares).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_their_distance() {
        let first = ClassHistogram::new(&[0, 0, 1, 2], 3).unwrap();
        assert_eq!(first.shares, [0.5, 0.25, 0.25]);
        let second = ClassHistogram::new(&[2, 2], 3).unwrap();
        assert_eq!((first.total_variation(&second), first.total_variation(&first)), (0.75, 0.0));
        assert!(ClassHistogram::new(&[7], 3).is_err());
    }
}

use burn::prelude::*;

/// Normalised Gaussian bumps along the chain (Sohl-Dickstein et al. 2015, appendix D.2.1): coefficients that a network
/// gives them make functions of t that cannot jump.
#[derive(Clone, Debug)]
pub struct Bumps {
    count: usize,
    /// Length T of the chain.
    length: usize,
}

impl Bumps {
    /// `count` bumps, evenly spaced over a chain of `length` steps and as wide as their distance.
    pub fn new(count: usize, length: usize) -> Self {
        Self { count, length }
    }

    /// The bumps at some steps, each in `1..=T`; they add up to 1.
    ///
    /// # Shapes
    ///
    /// - result: `[G, count]`
    pub fn at(&self, steps: &[usize], device: &Device) -> Tensor<2> {
        let values = steps.iter().flat_map(|&t| self.row(t)).collect();
        Tensor::from_data(TensorData::new::<f32, _>(values, [steps.len(), self.count]), device)
    }

    fn row(&self, t: usize) -> Vec<f32> {
        let place = (t as f64 - 0.5) / self.length as f64 * self.count as f64 - 0.5;
        let bumps: Vec<f64> = (0..self.count).map(|j| (-0.5 * (place - j as f64).powi(2)).exp()).collect();
        let sum: f64 = bumps.iter().sum();
        bumps.into_iter().map(|bump| (bump / sum) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bump_stands_over_its_share_of_the_chain() {
        let bumps = Bumps::new(4, 40);
        for t in 1..=40 {
            let row = bumps.row(t);
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            let highest = (0..4).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
            assert_eq!(highest, (t - 1) / 10, "step {t}: {row:?}");
        }
    }
}

use burn::prelude::*;

/// Makes the vectors of a codebook moving averages of the latents that choose them, in place of gradients (van den Oord et
/// al. 2017, arXiv 1711.00937, appendix A.1).
///
/// The paper averages over steps, of each vector, the number of latents that choose it and their sum, `N` and `m`, and takes
/// `e = m / N`. As `m` is `N e` before a step too, that is
///
/// `N <- decay N + (1 - decay) n`, `e <- e + (1 - decay) (sum of z - n e) / N`,
///
/// which keeps `N` alone beside the vectors, and leaves a vector that a revival has moved where it was put.
#[derive(Debug)]
pub(super) struct Averaging {
    decay: f32,
    /// `N` of each vector.
    pub(super) sizes: Vec<f32>,
}

impl Averaging {
    pub(super) fn new(codes: usize, decay: f32) -> Self {
        Self { decay, sizes: vec![0.0; codes] }
    }

    /// Where the vectors go in a step, `[codes, channels]`, and how much of the way, by how many latents chose each and their
    /// sums `[codes, channels]`.
    pub(super) fn step(&mut self, counts: &[f32], sums: Tensor<2>) -> (Tensor<2>, Vec<f32>) {
        let share = |(size, count): (&mut f32, &f32)| {
            let new = (1.0 - self.decay) * count;
            *size = self.decay * *size + new;
            if new > 0.0 { new / *size } else { 0.0 }
        };
        let shares = self.sizes.iter_mut().zip(counts).map(share).collect();
        let column = Tensor::<1>::from_floats(counts, &sums.device()).reshape([counts.len(), 1]);
        (sums / column.clamp_min(1.0), shares)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tolerance;

    use super::*;

    /// Three vectors of one number, of which the last is never chosen and the second not in every step.
    #[test]
    fn vectors_are_the_quotients_of_the_paper() {
        const DECAY: f32 = 0.8;
        let device = Device::flex();
        let steps: [([f32; 3], [f32; 3]); 4] = [
            ([3.0, 1.0, 0.0], [6.0, -1.0, 0.0]),
            ([4.0, 0.0, 0.0], [1.0, 0.0, 0.0]),
            ([1.0, 3.0, 0.0], [2.0, 5.0, 0.0]),
            ([2.0, 2.0, 0.0], [-3.0, 4.0, 0.0]),
        ];
        let column = |values: &[f32]| Tensor::<1>::from_floats(values, &device).reshape([3, 1]);
        let mut averaging = Averaging::new(3, DECAY);
        let mut vectors: Tensor<2> = column(&[10.0, 20.0, 30.0]);
        let (mut sizes, mut totals) = ([0.0; 3], [0.0; 3]);
        for (counts, sums) in steps {
            let (targets, shares) = averaging.step(&counts, column(&sums));
            let shares = column(&shares);
            vectors = vectors * (shares.clone() * -1.0 + 1.0) + targets * shares;
            for code in 0..3 {
                sizes[code] = DECAY * sizes[code] + (1.0 - DECAY) * counts[code];
                totals[code] = DECAY * totals[code] + (1.0 - DECAY) * sums[code];
            }
            let expected = column(&[totals[0] / sizes[0], totals[1] / sizes[1], 30.0]).into_data();
            vectors.to_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-5));
        }
    }
}

use burn::prelude::*;
use random::Seed;

/// How fast a vector that is used is left alone.
const STEEPNESS: f32 = 10.0;
/// What a vector that is not used at all keeps of its place.
const KEPT: f32 = 1e-3;

/// Puts the vectors of a codebook that latents do not choose where latents are (Zheng & Vedaldi 2023, arXiv 2307.15139).
///
/// Neither gradients nor averages move any but chosen vectors: one that is nowhere near would stay for ever. Of each vector
/// the share of latents that chose it is averaged over steps, `N <- decay N + (1 - decay) n`, and the less that is, the
/// farther the vector goes to a latent of the step's last batch, drawn at random: by `exp(-10 N K / (1 - decay) - 0.001)` of
/// the way, where K is the number of vectors. At first none has been used, so that the codebook begins as latents.
#[derive(Debug)]
pub(super) struct Revival {
    decay: f32,
    seed: Seed,
    /// `N` of each vector.
    pub(super) uses: Vec<f32>,
}

impl Revival {
    pub(super) fn new(codes: usize, decay: f32, seed: Seed) -> Self {
        Self { decay, seed, uses: vec![0.0; codes] }
    }

    /// Where the vectors go behind a step, `[codes, channels]`, and how much of the way, by how many latents chose each and
    /// the latents of a batch `[positions, channels]`.
    pub(super) fn step(&mut self, counts: &[f32], latents: Tensor<2>, step: usize) -> (Tensor<2>, Vec<f32>) {
        let all = counts.iter().sum::<f32>().max(1.0);
        let steepness = STEEPNESS * counts.len() as f32 / (1.0 - self.decay);
        let share = |(used, count): (&mut f32, &f32)| {
            *used = self.decay * *used + (1.0 - self.decay) * count / all;
            (-steepness * *used - KEPT).exp()
        };
        let shares = self.uses.iter_mut().zip(counts).map(share).collect();
        let mut stream = self.seed.stream("first_stage/revival", step as u64);
        let [positions, _] = latents.dims();
        let places: Vec<i32> = counts.iter().map(|_| stream.below(positions) as i32).collect();
        let places = Tensor::from_ints(places.as_slice(), &latents.device());
        (latents.select(0, places), shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODES: usize = 4;

    /// How much of the way to the latents the vectors go behind the last of some steps with the same counts.
    fn shares(revival: &mut Revival, steps: usize, counts: [f32; CODES]) -> Vec<f32> {
        let latents = Tensor::from_floats([[3.0, -2.0], [3.0, -2.0]], &Device::flex());
        let mut shares = Vec::new();
        for step in 0..steps {
            let (targets, step) = revival.step(&counts, latents.clone(), step);
            let targets: Vec<f32> = targets.try_into_vec_as().unwrap();
            assert_eq!(targets, [3.0, -2.0].repeat(CODES));
            shares = step;
        }
        shares
    }

    #[test]
    fn vectors_begin_as_latents_unless_they_are_used() {
        let mut revival = Revival::new(CODES, 0.99, Seed(0));
        let shares = shares(&mut revival, 1, [2.0, 0.0, 0.0, 0.0]);
        assert!(shares[0] < 1e-9 && shares[1..].iter().all(|share| *share > 0.998), "{shares:?}");
        assert!((revival.uses[0] - 0.01).abs() < 1e-6 && revival.uses[1..] == [0.0; 3]);
    }

    /// 0.1 x 0.9^n of use falls below what holds a vector, which is 0.1 / (10 x 4).
    #[test]
    fn what_is_no_longer_used_is_moved_in_the_end() {
        let mut revival = Revival::new(CODES, 0.9, Seed(0));
        shares(&mut revival, 30, [1.0; CODES]);
        let first = shares(&mut revival, 1, [1.0, 1.0, 1.0, 0.0]);
        assert!(first.iter().all(|share| *share < 1e-9), "{first:?}");
        let last = shares(&mut revival, 99, [1.0, 1.0, 1.0, 0.0]);
        assert!(last[..3].iter().all(|share| *share < 1e-9) && last[3] > 0.99, "{last:?}");
    }
}

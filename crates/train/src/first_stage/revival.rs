use std::sync::{Mutex, MutexGuard, PoisonError};

use autoencoder::{AutoencoderConfig, Codebook};
use burn::prelude::*;
use random::Seed;

use super::config::FirstStageRunConfig;

/// How fast a vector that is used is left alone.
const STEEPNESS: f32 = 10.0;
/// What a vector that is not used at all keeps of its place.
const KEPT: f32 = 1e-3;

/// Puts the vectors of a codebook that latents do not choose where latents are (Zheng & Vedaldi 2023, arXiv 2307.15139).
///
/// Gradients move none but chosen vectors: one that is nowhere near would stay for ever. Of each vector the share of latents
/// that chose it is averaged over steps, `N <- decay N + (1 - decay) n`, and the less that is, the farther the vector goes to
/// a latent of the step's last batch, drawn at random: by `exp(-10 N K / (1 - decay) - 0.001)` of the way, where K is the
/// number of vectors. At first none has been used, so that the codebook begins as latents.
#[derive(Debug)]
pub(super) struct Revival {
    decay: f32,
    seed: Seed,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The average share of each vector.
    uses: Vec<f32>,
    /// How often each was chosen in this step.
    counts: Vec<f32>,
    /// Latents `[positions, channels]`, and the step.
    seen: Option<(Tensor<2>, usize)>,
}

impl Revival {
    /// That of a configuration with a codebook.
    pub(super) fn of(config: &FirstStageRunConfig) -> Option<Self> {
        let decay = config.regularization.revival_decay as f32;
        match &config.model {
            AutoencoderConfig::Vq(model) if decay < 1.0 => Some(Self::new(model.codes, decay, config.seed)),
            _ => None,
        }
    }

    fn new(codes: usize, decay: f32, seed: u64) -> Self {
        let state = State { uses: vec![0.0; codes], counts: vec![0.0; codes], seen: None };
        Self { decay, seed: Seed(seed), state: Mutex::new(state) }
    }

    /// Notes a batch: how often it chose each vector `[codes]`, and its latents `[B, channels, h, w]`.
    pub(super) fn note(&self, counts: &Tensor<1>, latent: &Tensor<4>, step: usize) {
        let Ok(chosen) = counts.clone().inner().try_into_vec_as::<f32>() else { return };
        let mut state = self.lock();
        state.counts.iter_mut().zip(chosen).for_each(|(count, chosen)| *count += chosen);
        let [batch, channels, height, width] = latent.dims();
        let positions = batch * height * width;
        let latents = latent.clone().inner().permute([0, 2, 3, 1]).reshape([positions, channels]);
        state.seen = Some((latents, step));
    }

    /// The codebook behind the step whose batches were [noted](Self::note).
    pub(super) fn revive(&self, codebook: Codebook) -> Codebook {
        let mut state = self.lock();
        let Some((latents, step)) = state.seen.take() else { return codebook };
        let State { uses, counts, .. } = &mut *state;
        let all = counts.iter().sum::<f32>().max(1.0);
        let steepness = STEEPNESS * uses.len() as f32 / (1.0 - self.decay);
        let shares: Vec<f32> = uses
            .iter_mut()
            .zip(counts)
            .map(|(used, count)| {
                *used = self.decay * *used + (1.0 - self.decay) * std::mem::take(count) / all;
                (-steepness * *used - KEPT).exp()
            })
            .collect();
        let mut stream = self.seed.stream("first_stage/revival", step as u64);
        let [positions, _] = latents.dims();
        let places: Vec<i32> = shares.iter().map(|_| stream.below(positions) as i32).collect();
        let device = latents.device();
        let targets = latents.select(0, Tensor::from_ints(places.as_slice(), &device));
        codebook.moved(targets, Tensor::from_floats(shares.as_slice(), &device))
    }

    /// The average share of each vector, as it is saved.
    pub(super) fn uses(&self) -> Vec<f32> {
        self.lock().uses.clone()
    }

    /// What was saved; that of another codebook is not taken.
    pub(super) fn restore(&self, uses: &[f32]) {
        let mut state = self.lock();
        if uses.len() == state.uses.len() {
            state.uses.copy_from_slice(uses);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use autoencoder::{Autoencoder, VqConfig};

    use super::*;

    const CODES: usize = 4;

    /// Steps of a codebook of two numbers whose first vector alone is chosen, all latents being at (3, -2); what it looks
    /// like behind each.
    fn steps(revival: &Revival, count: usize, counts: [f32; CODES]) -> Vec<[[f32; 2]; CODES]> {
        let device = Device::flex();
        let mut network = network(&device);
        let latent = Tensor::<1>::from_floats([3.0, 3.0, -2.0, -2.0], &device).reshape([1, 2, 1, 2]);
        let step = |step| {
            revival.note(&Tensor::from_floats(counts, &device), &latent, step);
            let mut vectors = [[0.0; 2]; CODES];
            network = network.clone().map_codebook(|codebook| {
                let codebook = revival.revive(codebook);
                let indices = Tensor::arange(0..CODES as i64, &device).reshape([1, 1, CODES]);
                let rows = codebook.look_up(indices).permute([0, 2, 3, 1]).reshape([CODES, 2]);
                let rows: Vec<f32> = rows.try_into_vec_as().unwrap();
                vectors = std::array::from_fn(|code| [rows[2 * code], rows[2 * code + 1]]);
                codebook
            });
            vectors
        };
        (0..count).map(step).collect()
    }

    fn network(device: &Device) -> Autoencoder {
        let text = format!("codes = {CODES}\n[trunk]\nlatent_channels = 2\nchannels = 4\nchannel_mult = [1]");
        let config: VqConfig = toml::from_str(&text).unwrap();
        AutoencoderConfig::Vq(config).init(device, 0).unwrap()
    }

    fn is_at_the_latents(vector: [f32; 2]) -> bool {
        (vector[0] - 3.0).abs() < 0.1 && (vector[1] + 2.0).abs() < 0.1
    }

    #[test]
    fn vectors_begin_as_latents_unless_they_are_used() {
        let revival = Revival::new(CODES, 0.99, 0);
        let vectors = steps(&revival, 1, [2.0, 0.0, 0.0, 0.0])[0];
        assert_eq!(vectors.map(is_at_the_latents), [false, true, true, true], "{vectors:?}");
        assert!((revival.uses()[0] - 0.01).abs() < 1e-6 && revival.uses()[1..] == [0.0; 3]);
    }

    /// 0.01 x 0.9^n of use falls below what holds a vector, which is 0.1 / (10 x 4).
    #[test]
    fn what_is_no_longer_used_is_moved_in_the_end() {
        let revival = Revival::new(CODES, 0.9, 0);
        steps(&revival, 30, [1.0; CODES]);
        let vectors = steps(&revival, 100, [1.0, 1.0, 1.0, 0.0]);
        assert_eq!(vectors[0].map(is_at_the_latents), [false; CODES], "{vectors:?}");
        assert_eq!(vectors[99].map(is_at_the_latents), [false, false, false, true], "{vectors:?}");
    }

    #[test]
    fn what_was_saved_is_taken_up() {
        let [straight, resumed] = [(); 2].map(|()| Revival::new(CODES, 0.9, 0));
        steps(&straight, 5, [1.0, 1.0, 1.0, 0.0]);
        resumed.restore(&straight.uses());
        resumed.restore(&[1.0; CODES + 1]);
        assert_eq!(steps(&straight, 3, [0.0; CODES]), steps(&resumed, 3, [0.0; CODES]));
        assert_ne!(straight.uses()[0], 0.0);
    }
}

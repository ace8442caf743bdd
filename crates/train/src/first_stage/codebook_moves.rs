use std::sync::{Mutex, MutexGuard, PoisonError};

use autoencoder::{AutoencoderConfig, Codebook, Encoded};
use burn::prelude::*;
use burn::tensor::IndexingUpdateOp;
use random::Seed;

use super::codebook_averages::Averaging;
use super::codebook_revival::Revival;
use super::config::FirstStageRunConfig;

/// What moves the vectors of a codebook beside gradients, or in their place, behind each optimizer step.
#[derive(Debug)]
pub(super) struct CodebookMoves(Mutex<Moves>);

#[derive(Debug)]
struct Moves {
    averaging: Option<Averaging>,
    revival: Option<Revival>,
    noted: Option<Noted>,
}

/// The batches of a step.
#[derive(Debug)]
struct Noted {
    step: usize,
    /// How many latents chose each vector.
    counts: Vec<f32>,
    /// And their sums `[codes, channels]`, where they are averaged.
    sums: Option<Tensor<2>>,
    /// Those of the last batch `[positions, channels]`.
    latents: Tensor<2>,
}

impl CodebookMoves {
    /// Those of a configuration with a codebook.
    pub(super) fn of(config: &FirstStageRunConfig) -> Option<Self> {
        let AutoencoderConfig::Vq(model) = &config.model else { return None };
        let regularization = &config.regularization;
        let averaging = regularization.codebook_decay.map(|decay| Averaging::new(model.codes, decay as f32));
        let revival = Some(regularization.revival_decay as f32)
            .filter(|decay| *decay < 1.0)
            .map(|decay| Revival::new(model.codes, decay, Seed(config.seed)));
        (averaging.is_some() || revival.is_some()).then(|| Self::new(averaging, revival))
    }

    fn new(averaging: Option<Averaging>, revival: Option<Revival>) -> Self {
        Self(Mutex::new(Moves { averaging, revival, noted: None }))
    }

    /// Notes a batch of a step.
    pub(super) fn note(&self, encoded: &Encoded, step: usize) {
        let Encoded::Vq { quantized, counts, latent } = encoded else { return };
        let [batch, channels, height, width] = latent.dims();
        let positions = batch * height * width;
        let latents = latent.clone().inner().permute([0, 2, 3, 1]).reshape([positions, channels]);
        let Ok(counts) = counts.clone().inner().try_into_vec_as::<f32>() else { return };
        let mut moves = self.lock();
        let sums = moves.averaging.as_ref().map(|_| {
            let indices = quantized.indices.clone().inner().reshape([positions]);
            let zeros = Tensor::<2>::zeros([counts.len(), channels], &latents.device());
            zeros.select_assign(0, indices, latents.clone(), IndexingUpdateOp::Add)
        });
        let noted = match moves.noted.take() {
            Some(before) => {
                let counts = before.counts.iter().zip(counts).map(|(before, count)| before + count).collect();
                let sums = before.sums.zip(sums).map(|(before, sums)| before + sums);
                Noted { step, counts, sums, latents }
            }
            None => Noted { step, counts, sums, latents },
        };
        moves.noted = Some(noted);
    }

    /// The codebook behind the step whose batches were [noted](Self::note).
    pub(super) fn apply(&self, codebook: Codebook) -> Codebook {
        let mut moves = self.lock();
        let Some(Noted { step, counts, sums, latents }) = moves.noted.take() else { return codebook };
        let device = latents.device();
        let moved = |codebook: Codebook, (targets, shares): (Tensor<2>, Vec<f32>)| {
            codebook.moved(targets, Tensor::from_floats(shares.as_slice(), &device))
        };
        let codebook = match (&mut moves.averaging, sums) {
            (Some(averaging), Some(sums)) => moved(codebook, averaging.step(&counts, sums)),
            _ => codebook,
        };
        match &mut moves.revival {
            Some(revival) => moved(codebook, revival.step(&counts, latents, step)),
            None => codebook,
        }
    }

    /// What they keep from step to step.
    pub(super) fn memory(&self) -> Vec<f32> {
        self.lock().kept().into_iter().flatten().map(|kept| *kept).collect()
    }

    /// Takes up what was saved; that of another codebook is not taken.
    pub(super) fn recall(&self, memory: &[f32]) {
        let mut moves = self.lock();
        let mut kept = moves.kept();
        if kept.iter().map(|kept| kept.len()).sum::<usize>() == memory.len() {
            kept.iter_mut()
                .flat_map(|kept| kept.iter_mut())
                .zip(memory)
                .for_each(|(kept, saved)| *kept = *saved);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Moves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moves {
    fn kept(&mut self) -> Vec<&mut [f32]> {
        let uses = self.revival.as_mut().map(|revival| revival.uses.as_mut_slice());
        let sizes = self.averaging.as_mut().map(|averaging| averaging.sizes.as_mut_slice());
        uses.into_iter().chain(sizes).collect()
    }
}

#[cfg(test)]
mod tests {
    use autoencoder::{Autoencoder, VqConfig};

    use super::*;

    const CODES: usize = 4;

    struct Trial {
        codebook: Codebook,
        moves: CodebookMoves,
    }

    impl Trial {
        /// Vectors of one number each, all near 0.
        fn new(averaging: bool, revival: bool) -> Self {
            let text =
                format!("codes = {CODES}\n[trunk]\nlatent_channels = 1\nchannels = 4\nchannel_mult = [1]");
            let config: VqConfig = toml::from_str(&text).unwrap();
            let network = AutoencoderConfig::Vq(config).init(&Device::flex(), 0).unwrap();
            let Autoencoder::Vq(network) = network else { unreachable!() };
            let averaging = averaging.then(|| Averaging::new(CODES, 0.9));
            let revival = revival.then(|| Revival::new(CODES, 0.9, Seed(0)));
            Self { codebook: network.codebook().clone(), moves: CodebookMoves::new(averaging, revival) }
        }

        /// The vectors behind a step of two batches.
        fn step(&mut self, step: usize, batches: [[f32; 2]; 2]) -> Vec<f32> {
            for batch in batches {
                let latent = Tensor::<1>::from_floats(batch, &Device::flex()).reshape([1, 1, 1, 2]);
                let quantized = self.codebook.quantize(latent.clone());
                let counts = self.codebook.counts(quantized.indices.clone());
                self.moves.note(&Encoded::Vq { quantized, counts, latent }, step);
            }
            self.codebook = self.moves.apply(self.codebook.clone());
            let all = Tensor::arange(0..CODES as i64, &Device::flex()).reshape([1, 1, CODES]);
            self.codebook.look_up(all).try_into_vec_as().unwrap()
        }
    }

    /// Of the vectors, which are all near 0, the least stands for -2 and -4, the greatest for 5 and 7.
    #[test]
    fn averages_are_of_all_batches_of_a_step() {
        let mut vectors = Trial::new(true, false).step(0, [[-2.0, 5.0], [7.0, -4.0]]);
        vectors.sort_by(f32::total_cmp);
        let [least, others @ .., greatest] = vectors.as_slice() else { unreachable!() };
        assert!((least + 3.0).abs() < 1e-6 && (greatest - 6.0).abs() < 1e-6, "{vectors:?}");
        assert!(others.iter().all(|other| other.abs() <= 1.0 / CODES as f32), "{vectors:?}");
    }

    /// The chosen stay with the average of what chose them, the others go to a latent of the last batch.
    #[test]
    fn what_is_not_averaged_is_revived() {
        let mut vectors = Trial::new(true, true).step(0, [[-2.0, 5.0], [7.0, -4.0]]);
        vectors.sort_by(f32::total_cmp);
        let near = |value: f32, to: &[f32]| to.iter().any(|to| (value - to).abs() < 0.01);
        let revived = vectors.iter().filter(|vector| near(**vector, &[7.0, -4.0])).count();
        let averaged = vectors.iter().filter(|vector| near(**vector, &[-3.0, 6.0])).count();
        assert_eq!((averaged, revived), (2, 2), "{vectors:?}");
    }

    #[test]
    fn what_was_saved_is_taken_up() {
        let mut straight = Trial::new(true, true);
        for step in 0..5 {
            straight.step(step, [[-2.0, 5.0], [7.0, -4.0]]);
        }
        let resumed = Trial::new(true, true);
        resumed.moves.recall(&straight.moves.memory());
        resumed.moves.recall(&[1.0; CODES]);
        let mut resumed = Trial { codebook: straight.codebook.clone(), ..resumed };
        let batches = [[-1.0, 5.5], [3.0, 8.0]];
        assert_eq!(straight.step(5, batches), resumed.step(5, batches));
        assert_eq!(straight.moves.memory(), resumed.moves.memory());
    }
}

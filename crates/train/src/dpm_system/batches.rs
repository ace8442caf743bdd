use burn::prelude::*;
use data::{DataError, HostBatch, ImageSet};
use random::Seed;

use crate::batches::validation_images;
use crate::loader::HostStep;
use crate::standardize::Standardize;

/// What a step of a diffusion probabilistic model learns from: G groups of N states, each group at its own step.
#[derive(Clone, Debug)]
pub struct DpmBatch {
    /// Data as states of the chain, `[G, N, D]`.
    pub x0: Tensor<3>,
    /// Their noise, `[G, N, D]`.
    pub noise: Tensor<3>,
    /// The step of each group, in `2..=T`.
    pub steps: Vec<usize>,
}

/// A batch on the host.
#[derive(Clone)]
pub struct HostStates {
    x0: Vec<f32>,
    noise: Vec<f32>,
    steps: Vec<usize>,
    values: usize,
}

impl HostStep for HostStates {
    type Batch = DpmBatch;

    fn upload(self, device: &Device) -> DpmBatch {
        let groups = self.steps.len();
        let shape = [groups, self.x0.len() / groups / self.values, self.values];
        let tensor = |values: Vec<f32>| Tensor::<3>::from_data(TensorData::new(values, shape), device);
        DpmBatch { x0: tensor(self.x0), noise: tensor(self.noise), steps: self.steps }
    }
}

/// How data become batches.
#[derive(Clone, Debug)]
pub struct Noising {
    /// The run's seed.
    pub seed: Seed,
    /// Length T of the chain.
    pub length: usize,
    /// Groups of a batch.
    pub groups: usize,
    /// Whether noise is uniform in `[0, 1)`, as bits want it.
    pub uniform: bool,
    /// How data become states.
    pub standardize: Option<Standardize>,
}

impl Noising {
    /// A training batch from the streams of `index` alone. The steps are spread over the chain, all moved by one random
    /// number, so that each is equally probable.
    pub fn train(&self, data: HostBatch, index: u64) -> HostStates {
        let offset = self.seed.stream("train/timestep", index).uniform();
        self.states(data, "train", index, offset)
    }

    /// The validation batches: the same states, steps and noise always.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    pub fn valid_batches(
        &self,
        set: &ImageSet,
        images: usize,
        batch_size: usize,
    ) -> Result<Vec<HostStates>, DataError> {
        let chosen = validation_images(self.seed, set, images);
        // A batch is as many states for each of its steps.
        let batches: Vec<&[usize]> = chosen
            .chunks(batch_size)
            .map(|batch| &batch[..batch.len() / self.groups * self.groups])
            .collect();
        let whole: Vec<_> = batches.into_iter().filter(|batch| !batch.is_empty()).collect();
        let count = whole.len() as f64;
        let states = whole.iter().enumerate().map(|(index, numbers)| {
            Ok(self.states(set.fixed(numbers)?, "valid", index as u64, (index as f64 + 0.5) / count))
        });
        states.collect()
    }

    fn states(&self, data: HostBatch, purpose: &str, index: u64, offset: f64) -> HostStates {
        let [_, channels, height, width] = data.shape;
        let mut x0 = data.pixels;
        if let Some(standardize) = &self.standardize {
            let mut stream = self.seed.stream(&format!("{purpose}/dequantize"), index);
            standardize.apply(&mut x0, height * width, || stream.uniform());
        }
        let mut stream = self.seed.stream(&format!("{purpose}/noise"), index);
        let noise = match self.uniform {
            true => (0..x0.len()).map(|_| stream.uniform() as f32).collect(),
            false => stream.normal(x0.len()),
        };
        HostStates { x0, noise, steps: self.steps(offset), values: channels * height * width }
    }

    /// `groups` steps in `2..=T`, evenly spaced.
    fn steps(&self, offset: f64) -> Vec<usize> {
        let learnt = (self.length - 1) as f64;
        let step = |group: usize| 2 + ((group as f64 + offset) / self.groups as f64 * learnt) as usize;
        (0..self.groups).map(|group| step(group).min(self.length)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of all offsets each step gets the same share.
    #[test]
    fn every_step_is_equally_probable() {
        let noising = Noising { seed: Seed(0), length: 8, groups: 3, uniform: false, standardize: None };
        let mut counts = [0; 9];
        for i in 0..7000 {
            noising.steps((f64::from(i) + 0.5) / 7000.0).into_iter().for_each(|step| counts[step] += 1);
        }
        assert_eq!(counts, [0, 0, 3000, 3000, 3000, 3000, 3000, 3000, 3000]);
    }
}

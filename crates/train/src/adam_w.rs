use burn::optim::{self, AdamWState, AdaptiveMomentumState, LearningRate, Optimizer};
use burn::prelude::*;

use crate::TrainConfig;

/// Burn's AdamW, in one pass over memory where there is a kernel for it; the records are the same.
#[derive(Clone)]
pub(crate) struct AdamW {
    betas: [f32; 2],
    epsilon: f32,
    weight_decay: f32,
}

impl AdamW {
    pub(crate) fn new(train: &TrainConfig) -> Self {
        Self {
            betas: train.betas.map(|beta| beta as f32),
            epsilon: train.adam_eps as f32,
            weight_decay: train.weight_decay as f32,
        }
    }
}

impl Optimizer for AdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        let (time, first, second) = match state {
            Some(state) => (state.momentum.time + 1, state.momentum.moment_1, state.momentum.moment_2),
            None => (1, gradient.zeros_like(), gradient.zeros_like()),
        };
        let Self { betas, epsilon, weight_decay } = *self;
        let step = kernels::AdamW { lr, betas, epsilon, weight_decay, time };
        let [weight, first, second] = kernels::adam_w(step, [weight, first, second], gradient);
        (weight, Some(AdamWState::new(AdaptiveMomentumState::new(time, first, second))))
    }

    fn to_device<const D: usize>(state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        optim::AdamW::to_device(state, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::AdamWConfig;
    use random::Seed;

    /// To the last bit, so that a run begun with Burn's is resumed with this.
    #[test]
    fn steps_are_burns() {
        let train = TrainConfig { weight_decay: 0.1, ..TrainConfig::default() };
        let ours = AdamW::new(&train);
        let burns = AdamWConfig::new()
            .with_beta_1(ours.betas[0])
            .with_beta_2(ours.betas[1])
            .with_epsilon(ours.epsilon)
            .with_weight_decay(ours.weight_decay)
            .build();
        let tensor = |index| {
            let values = Seed(0).stream("adam_w/tests", index).normal(300);
            Tensor::<2>::from_data(TensorData::new(values, [3, 100]), &Device::flex())
        };
        let (mut weights, mut states) = ([tensor(0), tensor(0)], [None, None]);
        for i in 1..6 {
            let [ours_before, burns_before] = weights;
            let [our_state, burns_state] = states;
            let lr = 0.01 / i as f64;
            let (a, our_state) = ours.step(lr, ours_before, tensor(i), our_state);
            let (b, burns_state) = burns.step(lr, burns_before, tensor(i), burns_state);
            a.to_data().assert_eq(&b.to_data(), true);
            (weights, states) = ([a, b], [our_state, burns_state]);
        }
    }
}

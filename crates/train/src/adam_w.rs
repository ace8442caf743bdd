use burn::optim::{self, AdamWConfig, AdamWState, AdaptiveMomentumState, LearningRate, Optimizer};
use burn::prelude::*;

use crate::config::TrainConfig;

/// Burn's AdamW, in one pass over memory where there is a kernel for it.
#[derive(Clone)]
pub(crate) struct AdamW {
    burn: optim::AdamW,
    betas: [f32; 2],
    epsilon: f32,
    weight_decay: f32,
}

impl AdamW {
    pub(crate) fn new(train: &TrainConfig) -> Self {
        let betas = train.betas.map(|beta| beta as f32);
        let (epsilon, weight_decay) = (train.adam_eps as f32, train.weight_decay as f32);
        let config = AdamWConfig::new()
            .with_beta_1(betas[0])
            .with_beta_2(betas[1])
            .with_epsilon(epsilon)
            .with_weight_decay(weight_decay);
        Self { burn: config.build(), betas, epsilon, weight_decay }
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
        // The first step makes the moments.
        let Some(AdamWState { momentum }) = state else { return self.burn.step(lr, weight, gradient, None) };
        let AdaptiveMomentumState { time, moment_1, moment_2, .. } = momentum;
        let Self { betas, epsilon, weight_decay, .. } = *self;
        let step = kernels::AdamW { lr, betas, epsilon, weight_decay, time: time + 1 };
        let state = |time, first, second| AdamWState::new(AdaptiveMomentumState::new(time, first, second));
        match kernels::adam_w(step, [weight, moment_1, moment_2], gradient) {
            Ok([weight, first, second]) => (weight, Some(state(time + 1, first, second))),
            Err(([weight, first, second], gradient)) => {
                self.burn.step(lr, weight, gradient, Some(state(time, first, second)))
            }
        }
    }

    fn to_device<const D: usize>(state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        optim::AdamW::to_device(state, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use random::Seed;

    /// To the last bit, so that a run begun with Burn's is resumed with this.
    #[test]
    fn steps_are_burns() {
        let ours = AdamW::new(&TrainConfig { weight_decay: 0.1, ..TrainConfig::default() });
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
            let (b, burns_state) = ours.burn.step(lr, burns_before, tensor(i), burns_state);
            a.to_data().assert_eq(&b.to_data(), true);
            (weights, states) = ([a, b], [our_state, burns_state]);
        }
    }
}

use burn::prelude::*;

use crate::chain::{Chain, Steps};
use crate::kernel::Kernel;

/// A way back along a chain, learnt or known, and how good it is.
pub trait Reverse {
    /// The chain; where its betas are learnt, these are only the first ones.
    fn chain(&self) -> &Chain;

    /// Steps of the chain, each in `1..=T`.
    fn steps(&self, steps: &[usize], device: &Device) -> Steps {
        self.chain().steps(steps, device)
    }

    /// `p(x^{t-1} | x^t)`, with one step t in `2..=T` for each group.
    ///
    /// # Shapes
    ///
    /// - x: `[G, N, D]`
    fn reverse(&self, x: Tensor<3>, steps: &[usize]) -> Kernel;

    /// `KL(q(x^{t-1} | x^t, x^0) || p(x^{t-1} | x^t))` in nats for x^t drawn from given noise, one step t in `2..=T` for
    /// each group.
    ///
    /// # Shapes
    ///
    /// - x0, noise: `[G, N, D]`
    /// - result: `[G, N, 1]`
    fn divergence(&self, x0: Tensor<3>, noise: Tensor<3>, steps: &[usize]) -> Tensor<3> {
        let of_chain = self.steps(steps, &x0.device().inner());
        let x = of_chain.marginal(x0.clone()).draw(noise);
        of_chain.posterior(x0, x.clone()).divergence(&self.reverse(x, steps))
    }

    /// What the ends of the chain add to the bound, in nats: `H_q(X^T|X^0) - H_q(X^1|X^0) - H_p(X^T)`.
    ///
    /// # Shapes
    ///
    /// - x0: `[1, N, D]`
    /// - result: `[1, N, 1]`, or `[1, 1, 1]` where it does not depend on x0
    fn ends(&self, x0: Tensor<3>) -> Tensor<3> {
        let (device, values) = (x0.device().inner(), x0.dims()[2]);
        let entropy = |t: usize| self.steps(&[t], &device).marginal(x0.clone()).entropy(values);
        entropy(self.chain().length()) - entropy(1) - self.chain().prior(&device).entropy(values)
    }

    /// An estimate of the paper's lower bound K on the log-likelihood of each state, in nats (Sohl-Dickstein et al. 2015,
    /// eq. 14): the divergences of the steps given, as many times as there are steps to learn, and the ends.
    ///
    /// The expectation over noise is exact where every step in `2..=T` is as probable as any other. The first step is the
    /// forward kernel, which for data of unit second moment (or of the prior's rate) neither adds nor takes anything.
    ///
    /// # Shapes
    ///
    /// - x0, noise: `[G, N, D]`
    /// - result: `[G, N, 1]`
    fn bound(&self, x0: Tensor<3>, noise: Tensor<3>, steps: &[usize]) -> Tensor<3> {
        let [groups, states, values] = x0.dims();
        let learnt = (self.chain().length() - 1) as f64;
        let ends = self.ends(x0.clone().reshape([1, groups * states, values]));
        let ends = ends.expand([1, groups * states, 1]).reshape([groups, states, 1]);
        ends - self.divergence(x0, noise, steps) * learnt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChainConfig, DpmConfig};
    use random::Seed;
    use schedules::{NoiseLevel, ScheduleConfig};

    /// The exact way back for independent normal values of mean 0.
    struct OfNormalData {
        chain: Chain,
        variance: f64,
    }

    impl Reverse for OfNormalData {
        fn chain(&self) -> &Chain {
            &self.chain
        }

        fn reverse(&self, x: Tensor<3>, steps: &[usize]) -> Kernel {
            let level = |t: usize| match t {
                0 => NoiseLevel::CLEAN,
                t => self.chain.schedule().level(t - 1),
            };
            let variance_at = |t: usize| level(t).alpha.powi(2) * self.variance + level(t).sigma.powi(2);
            let column = |value: &dyn Fn(usize) -> f64| {
                let values: Vec<f32> = steps.iter().map(|&t| value(t) as f32).collect();
                Tensor::<3>::from_data(TensorData::new(values, [steps.len(), 1, 1]), &x.device())
            };
            let gain = |t: usize| {
                let keep = level(t).alpha / level(t - 1).alpha;
                keep * variance_at(t - 1) / variance_at(t)
            };
            let beta = |t: usize| self.chain.schedule().betas()[t - 1];
            Kernel::Gaussian {
                mean: x.clone() * column(&gain),
                variance: column(&|t| beta(t) * variance_at(t - 1) / variance_at(t)),
            }
        }
    }

    const STATES: usize = 4000;
    const VALUES: usize = 2;

    fn draws(purpose: &str, groups: usize, std: f64) -> Tensor<3> {
        let values = Seed(5).stream(purpose, 0).normal(groups * STATES * VALUES);
        let shape = [groups, STATES, VALUES];
        Tensor::<3>::from_data(TensorData::new(values, shape), &Device::flex()) * std
    }

    /// The mean of K over states and steps, and its standard error.
    fn estimate(process: &impl Reverse, x0: Tensor<3>, noise: Tensor<3>) -> (f64, f64) {
        let steps: Vec<usize> = (2..=process.chain().length()).collect();
        let groups = steps.len();
        let x0 = x0.narrow(0, 0, 1).expand([groups, STATES, VALUES]);
        let bounds: Vec<f32> = process.bound(x0, noise, &steps).mean_dim(0).try_into_vec_as::<f32>().unwrap();
        let mean = bounds.iter().map(|&k| f64::from(k)).sum::<f64>() / STATES as f64;
        let squares = bounds.iter().map(|&k| (f64::from(k) - mean).powi(2)).sum::<f64>();
        (mean, squares.sqrt() / STATES as f64)
    }

    /// With the exact way back the divergences telescope: K = -h(X^1) + h(X^T) - H_p(X^T).
    #[test]
    fn the_bound_of_the_exact_way_back_is_the_closed_form() {
        let law = ScheduleConfig::Linear { beta_start: 1e-3, beta_end: 0.3, rescale: false };
        for variance in [0.01, 1.0, 3.0] {
            let chain = Chain::new(ChainConfig::default(), &law, 12).unwrap();
            let spread = |t: usize| {
                let level = chain.schedule().level(t - 1);
                level.alpha.powi(2) * variance + level.sigma.powi(2)
            };
            let expected =
                chain.null_log_likelihood(VALUES) + 0.5 * VALUES as f64 * (spread(12).ln() - spread(1).ln());
            let process = OfNormalData { chain, variance };
            let x0 = draws("x0", 1, variance.sqrt());
            let (mean, error) = estimate(&process, x0, draws("noise", 11, 1.0));
            assert!((mean - expected).abs() < 4.0 * error + 1e-3, "{mean} ± {error} is not {expected}");
            assert!(error < 0.05, "{error}");
        }
    }

    /// An untrained network is the way back of noise: for normal data of unit variance the exact one.
    #[test]
    fn an_untrained_model_is_the_null_model() {
        let config = DpmConfig::default();
        let model = config.init([2, 1, 1], 0, &Device::flex()).unwrap();
        let (mean, error) = estimate(&model, draws("x0", 1, 1.0), draws("noise", 39, 1.0));
        let expected = model.chain().null_log_likelihood(VALUES);
        assert!((mean - expected).abs() < 4.0 * error + 1e-3, "{mean} ± {error} is not {expected}");
    }

    /// The same of bits of the prior's rate: exact, for every state of one bit and every noise is summed over.
    #[test]
    fn untrained_bits_are_independent() {
        let rate = 0.2;
        let config = DpmConfig {
            num_train_timesteps: 50,
            schedule: ScheduleConfig::Dpm2015,
            chain: ChainConfig::Binomial { rate },
            ..DpmConfig::default()
        };
        let device = Device::flex();
        let model = config.init([1, 1, 1], 0, &device).unwrap();
        let steps: Vec<usize> = (2..=50).collect();
        // Of 1000 evenly spaced uniform numbers the shares below a probability are exact to 1/1000; the state is one
        // of the data's two with its probability.
        let noise: Vec<f32> = (0..1000).map(|i| (i as f32 + 0.5) / 1000.0).collect();
        let noise = Tensor::<1>::from_floats(noise.as_slice(), &device).reshape([1, 1000, 1]);
        let mean = |bit: f64| {
            let x0 = Tensor::<3>::full([49, 1000, 1], bit, &device);
            model.bound(x0, noise.clone().expand([49, 1000, 1]), &steps).mean().into_scalar::<f64>()
        };
        let found = rate * mean(1.0) + (1.0 - rate) * mean(0.0);
        let expected = model.chain().null_log_likelihood(1);
        assert!((found - expected).abs() < 2e-3, "{found} is not {expected}");
    }
}

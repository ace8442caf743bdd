use burn::prelude::*;
use schedules::Schedule;

use crate::Kernel;

/// Some steps t of a binomial chain: each keeps a bit with probability `1 - beta`, else draws it anew, 1 with probability
/// `rate` (Sohl-Dickstein et al. 2015, table App.1, where the rate is 1/2).
#[derive(Clone, Debug)]
pub struct BinomialSteps {
    /// `q(x^t | x^0)`.
    marginal: Cases<1>,
    /// `q(x^{t-1} | x^t, x^0)`.
    posterior: Cases<2>,
    /// `q(x^t | x^{t-1})`.
    forward: Cases<1>,
}

impl BinomialSteps {
    /// Steps `steps`, each in `1..=T`, of a schedule, whose timesteps are `0..T`; computed in `f64`.
    pub fn new(schedule: &Schedule, rate: f64, steps: &[usize], device: &Device) -> Self {
        let kept = |t: usize| if t == 0 { 1.0 } else { schedule.alphas_cumprod()[t - 1] };
        let beta = |t: usize| schedule.betas()[t - 1];
        let resampled = |from: f64, kept: f64| from * kept + rate * (1.0 - kept);
        let posterior = |t: usize, [x, x0]: [f64; 2]| {
            let before = resampled(x0, kept(t - 1));
            let likelihood = |previous: f64| {
                let one = resampled(previous, 1.0 - beta(t));
                if x == 1.0 { one } else { 1.0 - one }
            };
            let (one, zero) = (likelihood(1.0) * before, likelihood(0.0) * (1.0 - before));
            [one / (one + zero), zero / (one + zero)]
        };
        let both = |one: f64| [one, 1.0 - one];
        Self {
            marginal: Cases::new(steps, device, |t, [x0]| both(resampled(x0, kept(t)))),
            posterior: Cases::new(steps, device, posterior),
            forward: Cases::new(steps, device, |t, [x]| both(resampled(x, 1.0 - beta(t)))),
        }
    }

    /// `q(x^t | x^0)`.
    pub fn marginal(&self, x0: Tensor<3>) -> Kernel {
        self.marginal.kernel([x0])
    }

    /// `q(x^{t-1} | x^t, x^0)`.
    pub fn posterior(&self, x0: Tensor<3>, x: Tensor<3>) -> Kernel {
        self.posterior.kernel([x, x0])
    }

    /// `p(x^{t-1} | x^t)` of a network that answers `z` `[G, N, D]`: its logit is z more than that of the forward kernel,
    /// which is the reverse kernel of independent bits.
    pub fn reverse(&self, z: Tensor<3>, x: Tensor<3>) -> Kernel {
        match self.unlearned(x) {
            Kernel::Bernoulli { log_one, log_zero } => Kernel::bernoulli(log_one - log_zero + z),
            gaussian @ Kernel::Gaussian { .. } => gaussian,
        }
    }

    /// The forward kernel as a reverse one, which the first step is.
    pub fn unlearned(&self, x: Tensor<3>) -> Kernel {
        self.forward.kernel([x])
    }
}

/// The probabilities of 1 and of 0 for every value of K bits that they depend on.
#[derive(Clone, Debug)]
struct Cases<const K: usize> {
    /// Logarithms of the probability of 1, `[G, 1, 1]` for each of the `2^K` cases, the first bit counting most.
    log_one: Vec<Tensor<3>>,
    /// The same of 0.
    log_zero: Vec<Tensor<3>>,
}

impl<const K: usize> Cases<K> {
    fn new(steps: &[usize], device: &Device, probabilities: impl Fn(usize, [f64; K]) -> [f64; 2]) -> Self {
        let column = |case: usize, side: usize| {
            let bits = std::array::from_fn(|bit| ((case >> (K - 1 - bit)) & 1) as f64);
            // Impossible states have no logarithm; the least f32 can be multiplied by a probability of 0.
            let log = |&t: &usize| (probabilities(t, bits)[side].ln() as f32).max(f32::MIN);
            let values: Vec<f32> = steps.iter().map(log).collect();
            Tensor::<3>::from_data(TensorData::new(values, [steps.len(), 1, 1]), device)
        };
        let side = |side: usize| (0..1 << K).map(|case| column(case, side)).collect();
        Self { log_one: side(0), log_zero: side(1) }
    }

    fn kernel(&self, bits: [Tensor<3>; K]) -> Kernel {
        Kernel::Bernoulli { log_one: pick(&self.log_one, &bits), log_zero: pick(&self.log_zero, &bits) }
    }
}

/// For each state the case that its bits make.
fn pick(cases: &[Tensor<3>], bits: &[Tensor<3>]) -> Tensor<3> {
    let Some((bit, rest)) = bits.split_first() else { return cases[0].clone() };
    let (zero, one) = cases.split_at(cases.len() / 2);
    bit.clone() * pick(one, rest) + (-bit.clone() + 1.0) * pick(zero, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use schedules::ScheduleConfig;

    fn bits(values: &[f32]) -> Tensor<3> {
        Tensor::<1>::from_floats(values, &Device::flex()).reshape([1, 1, values.len()])
    }

    fn read(x: Tensor<3>) -> Vec<f64> {
        x.try_into_vec_as::<f32>().unwrap().into_iter().map(f64::from).collect()
    }

    /// With beta_t = 1/(T - t + 1) a share (T - t)/T of the bits is as it was at step t.
    #[test]
    fn the_marginal_erases_a_share_of_the_bits_at_each_step() {
        let schedule = ScheduleConfig::Dpm2015.build(10).unwrap();
        let steps = BinomialSteps::new(&schedule, 0.2, &[4], &Device::flex());
        let one = read(steps.marginal(bits(&[0.0, 1.0])).mean());
        assert!((one[0] - 0.2 * 0.4).abs() < 1e-6 && (one[1] - (0.6 + 0.2 * 0.4)).abs() < 1e-6, "{one:?}");
    }

    /// Bayes' rule: averaged over `x^t`, the posterior gives back the marginal of `x^{t-1}`.
    #[test]
    fn the_posterior_agrees_with_the_marginals() {
        let schedule = ScheduleConfig::Dpm2015.build(10).unwrap();
        let device = Device::flex();
        for t in 2..=10 {
            let steps = BinomialSteps::new(&schedule, 0.3, &[t], &device);
            let before = BinomialSteps::new(&schedule, 0.3, &[t - 1], &device);
            for x0 in [0.0, 1.0] {
                let now = read(steps.marginal(bits(&[x0])).mean())[0];
                let posterior = read(steps.posterior(bits(&[x0, x0]), bits(&[0.0, 1.0])).mean());
                let mixed = posterior[0] * (1.0 - now) + posterior[1] * now;
                let expected = read(before.marginal(bits(&[x0])).mean())[0];
                assert!((mixed - expected).abs() < 1e-6, "step {t}: {mixed} is not {expected}");
            }
        }
    }
}

use data::HeartbeatConfig;
use schedules::Schedule;

/// States that are summed over at each step at most.
const MOST_STATES: usize = 100_000;

/// The greatest K in nats of a binomial chain on the heartbeat; none if there are too many states.
///
/// Places of one remainder by the period are 1 together, so all that a state tells of where its sequence begins is how many
/// ones there are at each remainder. The best step gives each bit the probability that it has in `x^{t-1}` given `x^t`,
/// averaged over the beginnings.
pub fn heartbeat_limit(data: &HeartbeatConfig, schedule: &Schedule, rate: f64) -> Option<f64> {
    let counts = Counts { period: data.period, places: data.length / data.period };
    let states = (counts.places + 1).checked_pow(data.period.try_into().ok()?)?;
    if states > MOST_STATES {
        return None;
    }
    let length = schedule.num_train_timesteps();
    let steps = (1..=length).map(|t| Step::new(schedule, rate, t)).collect::<Vec<_>>();
    let places = (data.length as f64, counts.places as f64);
    let of_bits = |t: usize| {
        let [zero, one] = steps[t - 1].marginal.map(entropy);
        places.1 * one + (places.0 - places.1) * zero
    };
    let ends = of_bits(length) - of_bits(1) - places.0 * entropy(rate);
    Some(ends - steps[1..].iter().map(|step| counts.divergence(step)).sum::<f64>())
}

/// A step t of the chain, for one bit.
struct Step {
    /// `q(x^t = 1 | x^0)` for an `x^0` of 0 and of 1.
    marginal: [f64; 2],
    /// `q(x^{t-1} = 1 | x^t, x^0)`, by `x^t`, then `x^0`.
    posterior: [[f64; 2]; 2],
}

impl Step {
    fn new(schedule: &Schedule, rate: f64, t: usize) -> Self {
        let kept = |t: usize| if t == 0 { 1.0 } else { schedule.alphas_cumprod()[t - 1] };
        let redrawn = |bit: usize, kept: f64| bit as f64 * kept + rate * (1.0 - kept);
        let forward = [0, 1].map(|bit| redrawn(bit, 1.0 - schedule.betas()[t - 1]));
        let posterior = |x: usize, x0: usize| {
            let before = redrawn(x0, kept(t - 1));
            let likelihood = |bit: usize| if x == 1 { forward[bit] } else { 1.0 - forward[bit] };
            let (one, zero) = (likelihood(1) * before, likelihood(0) * (1.0 - before));
            if one + zero > 0.0 { one / (one + zero) } else { 0.0 }
        };
        Self {
            marginal: [0, 1].map(|x0| redrawn(x0, kept(t))),
            posterior: [0, 1].map(|x| [0, 1].map(|x0| posterior(x, x0))),
        }
    }
}

/// Sequences by how many ones they have at each remainder of a place by the period.
struct Counts {
    period: usize,
    /// Places of one remainder.
    places: usize,
}

impl Counts {
    /// What the best step leaves, in nats: the mean over the states that a sequence with its ones at remainder 0 becomes.
    fn divergence(&self, step: &Step) -> f64 {
        let [of_zeros, of_ones] = step.marginal.map(|one| self.binomial(one));
        let mut sum = 0.0;
        let mut counts = vec![0; self.period];
        loop {
            // The other remainders are alike: one order stands for all.
            if counts[1..].is_sorted() {
                let begins = |beginning: usize| {
                    let likelihood = |(i, &count): (usize, &usize)| {
                        if i == beginning { of_ones[count] } else { of_zeros[count] }
                    };
                    counts.iter().enumerate().map(likelihood).product::<f64>()
                };
                let likelihoods: Vec<f64> = (0..self.period).map(begins).collect();
                let probability = likelihoods[0] * orders(&counts[1..]);
                if probability > 0.0 {
                    sum += probability * self.divergence_at(step, &counts, &likelihoods);
                }
            }
            let Some(next) = counts.iter().position(|&count| count < self.places) else { return sum };
            counts[..next].fill(0);
            counts[next] += 1;
        }
    }

    /// The same at one state.
    fn divergence_at(&self, step: &Step, counts: &[usize], likelihoods: &[f64]) -> f64 {
        let total: f64 = likelihoods.iter().sum();
        let of_remainder = |(i, &ones): (usize, &usize)| {
            let share = likelihoods[i] / total;
            let of_bit = |x: usize| {
                let [if_zero, if_one] = step.posterior[x];
                divergence(step.posterior[x][usize::from(i == 0)], share * if_one + (1.0 - share) * if_zero)
            };
            ones as f64 * of_bit(1) + (self.places - ones) as f64 * of_bit(0)
        };
        counts.iter().enumerate().map(of_remainder).sum()
    }

    /// The probabilities of each number of ones.
    fn binomial(&self, one: f64) -> Vec<f64> {
        let of = |ones: usize| {
            let ways: f64 = (0..ones).map(|i| (self.places - i) as f64 / (i + 1) as f64).product();
            ways * one.powi(ones as i32) * (1.0 - one).powi((self.places - ones) as i32)
        };
        (0..=self.places).map(of).collect()
    }
}

/// In how many orders sorted counts can stand.
fn orders(sorted: &[usize]) -> f64 {
    let (mut orders, mut alike) = (1.0, 0);
    for (i, count) in sorted.iter().enumerate() {
        alike = if i > 0 && sorted[i - 1] == *count { alike + 1 } else { 1 };
        orders *= (i + 1) as f64 / f64::from(alike);
    }
    orders
}

fn entropy(one: f64) -> f64 {
    -xlogx(one) - xlogx(1.0 - one)
}

fn xlogx(x: f64) -> f64 {
    if x > 0.0 { x * x.ln() } else { 0.0 }
}

/// `KL(B(p) || B(q))` in nats.
fn divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::prelude::*;
    use dpm::{Chain, ChainConfig, Kernel, Reverse, Steps};
    use random::Seed;
    use schedules::ScheduleConfig;

    const RATE: f64 = 0.2;
    const BITS: usize = 20;

    fn chain(length: usize) -> Chain {
        Chain::new(ChainConfig::Binomial { rate: RATE }, &ScheduleConfig::Dpm2015, length).unwrap()
    }

    fn limit(length: usize) -> f64 {
        let limit = heartbeat_limit(&HeartbeatConfig::default(), chain(length).schedule(), RATE);
        limit.unwrap() / std::f64::consts::LN_2
    }

    /// Long chains approach the optimum. Recorded once, by a program of its own.
    #[test]
    fn the_limit_of_the_papers_chain() {
        for (length, recorded) in [(50, -3.49798), (2000, -2.36833)] {
            assert!((limit(length) - recorded).abs() < 1e-4, "{length}: {}", limit(length));
        }
        let many = HeartbeatConfig { length: 200, period: 10, ..HeartbeatConfig::default() };
        assert_eq!(heartbeat_limit(&many, chain(50).schedule(), RATE), None);
    }

    #[test]
    fn sorted_counts_can_stand_in_as_many_orders() {
        assert_eq!((orders(&[0, 1, 2, 3]), orders(&[1, 1, 2, 2]), orders(&[3, 3, 3, 3])), (24.0, 6.0, 1.0));
    }

    /// The best steps as a way back, by sums over the beginnings of a sequence.
    struct BestSteps(Chain);

    fn sequence(beginning: usize) -> Tensor<3> {
        let bits: Vec<f32> = (0..BITS).map(|i| f32::from(u8::from(i % 5 == beginning))).collect();
        Tensor::<1>::from_floats(bits.as_slice(), &Device::flex()).reshape([1, 1, BITS])
    }

    impl Reverse for BestSteps {
        fn chain(&self) -> &Chain {
            &self.0
        }

        fn reverse(&self, x: Tensor<3>, steps: &[usize]) -> Kernel {
            let shape = x.dims();
            let Steps::Binomial(of_chain) = self.0.steps(steps, &x.device()) else { unreachable!() };
            let (scores, means): (Vec<_>, Vec<_>) = (0..5)
                .map(|beginning| {
                    let x0 = sequence(beginning).expand(shape);
                    let Kernel::Bernoulli { log_one, log_zero } = of_chain.marginal(x0.clone()) else {
                        unreachable!()
                    };
                    let score = x.clone() * log_one + (-x.clone() + 1.0) * log_zero;
                    (score.sum_dim(2), of_chain.posterior(x0, x.clone()).mean())
                })
                .unzip();
            let weights = burn::tensor::activation::softmax(Tensor::cat(scores, 2), 2);
            let one = means.into_iter().enumerate().map(|(i, mean)| mean * weights.clone().narrow(2, i, 1));
            let one = one.reduce(|sum, part| sum + part).unwrap();
            Kernel::Bernoulli { log_one: one.clone().log(), log_zero: (-one).log1p() }
        }
    }

    /// The bound of the best steps, by drawing noise, is the sum over all states.
    #[test]
    fn the_bound_of_the_best_steps_is_the_limit() {
        const STATES: usize = 2000;
        let process = BestSteps(chain(30));
        let steps: Vec<usize> = (2..=30).collect();
        let shape = [steps.len(), STATES, BITS];
        let mut stream = Seed(2).stream("test", 0);
        let noise: Vec<f32> = (0..shape.iter().product()).map(|_| stream.uniform() as f32).collect();
        let noise = Tensor::<3>::from_data(TensorData::new(noise, shape), &Device::flex());
        let bounds = process.bound(sequence(3).expand(shape), noise, &steps);
        let bits = bounds.mean().into_scalar::<f64>() / std::f64::consts::LN_2;
        // The standard error is 0.01.
        assert!((bits - limit(30)).abs() < 0.04, "{bits} is not {}", limit(30));
    }
}

//! How large K can be: what the length of a chain and its betas leave to a perfect network.

use std::f64::consts::{E, LN_2, PI};

use data::{SourceConfig, SwissRollConfig};
use dpm::{Chain, ChainConfig};
use schedules::Schedule;

use super::heartbeat_limit::heartbeat_limit;

/// The greatest K in bits that steps back of the chain's kind can have on data of a known law: each step independent in
/// every value given `x^t`, the first the forward kernel. `schedule` has the chain's betas, as they were learnt.
///
/// None where the law is not known, or known and too large to be summed over.
pub fn limit_bits(source: &SourceConfig, chain: &Chain, schedule: &Schedule) -> Option<f64> {
    let nats = match (source, chain.kind()) {
        (SourceConfig::SwissRoll(roll), ChainConfig::Gaussian { .. }) => Some(roll_limit(roll, schedule)),
        (SourceConfig::Heartbeat(heartbeat), ChainConfig::Binomial { rate }) => {
            heartbeat_limit(heartbeat, schedule, *rate)
        }
        _ => None,
    };
    nats.map(|nats| nats / LN_2)
}

/// The best normal step has the mean and the variance of `x^{t-1}` given `x^t`, which leaves a divergence of
/// `1/2 ln(1 + (snr_{t-1} - snr_t) Var(x^0 | x^t))` for each value: the posterior's precision grows by what the step adds to
/// the signal-to-noise ratio.
fn roll_limit(roll: &SwissRollConfig, schedule: &Schedule) -> f64 {
    let level = |t: usize| schedule.level(t - 1);
    let divergence = |t: usize| {
        let gained = level(t - 1).snr() - level(t).snr();
        let of_value = |variance: f64| 0.5 * (gained * variance).ln_1p();
        let unknown = roll.unknown(1.0 / level(t).snr());
        unknown.iter().map(|u| u.weight * u.variance.map(of_value).iter().sum::<f64>()).sum::<f64>()
    };
    let length = schedule.num_train_timesteps();
    let ends = 2.0 * (level(length).sigma / level(1).sigma).ln() - (2.0 * PI * E).ln();
    ends - (2..=length).map(divergence).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::prelude::*;
    use data::DatasetConfig;
    use dpm::{Kernel, Reverse, Steps};
    use random::Seed;
    use schedules::ScheduleConfig;

    fn chain(length: usize, beta_start: f64, alpha_bar_end: f64) -> Chain {
        let law = ScheduleConfig::LogSnr { beta_start, alpha_bar_end };
        Chain::new(ChainConfig::default(), &law, length).unwrap()
    }

    fn roll(noise: f64) -> SwissRollConfig {
        SwissRollConfig { noise, points: 6000, ..SwissRollConfig::default() }
    }

    fn limit(noise: f64, chain: &Chain) -> f64 {
        limit_bits(&SourceConfig::SwissRoll(roll(noise)), chain, chain.schedule()).unwrap()
    }

    /// A roll that drowns in its own noise is normal, and normal steps are the exact way back.
    #[test]
    fn normal_data_have_no_limit_but_their_own() {
        let chain = chain(7, 1e-3, 1e-2);
        let expected = chain.null_log_likelihood(2) / LN_2;
        assert!((limit(300.0, &chain) - expected).abs() < 2e-3, "{} is not {expected}", limit(300.0, &chain));
    }

    /// Short steps approach the optimum, all but for the first, which is not learnt: it adds noise to the roll.
    #[test]
    fn more_steps_leave_less_to_the_optimum() {
        let gap = |length: usize| roll(0.25).optimum_bits() - limit(0.25, &chain(length, 1e-5, 0.2));
        let gaps = [20, 40, 80].map(gap);
        assert!(gaps[0] > gaps[1] && gaps[1] > gaps[2] && gaps[2] > 0.0, "{gaps:?}");
        // What is due to the length of the steps falls as their length does.
        assert!((gaps[0] - gaps[1]) / (gaps[1] - gaps[2]) > 1.7, "{gaps:?}");
    }

    /// The best steps as a way back: mean and variance of `x^0` given `x^t`, by sums over places on the roll.
    struct BestSteps {
        chain: Chain,
        /// Places, `[1, 1, P, 2]`.
        places: Tensor<4>,
        /// Variance of the roll's noise.
        own: f64,
    }

    impl Reverse for BestSteps {
        fn chain(&self) -> &Chain {
            &self.chain
        }

        fn reverse(&self, x: Tensor<3>, steps: &[usize]) -> Kernel {
            let Steps::Gaussian(of_chain, _) = self.chain.steps(steps, &x.device()) else { unreachable!() };
            let look = x.clone() / of_chain.alpha.clone();
            let noise = of_chain.variance.clone() / of_chain.alpha.clone().square();
            let seen = noise.clone() + self.own;
            let distance = self.places.clone() - look.clone().unsqueeze_dim::<4>(2);
            let scores = distance.clone().square().sum_dim(3) / seen.clone().unsqueeze_dim::<4>(3) * -0.5;
            let weights = burn::tensor::activation::softmax(scores, 2);
            let first = (distance.clone() * weights.clone()).sum_dim(2).squeeze_dim::<3>(2);
            let second = (distance.square() * weights).sum_dim(2).squeeze_dim::<3>(2);
            let share = noise.clone() / seen;
            let x0 = look + first.clone() * share.clone();
            let unknown = share.clone() * self.own + share.square() * (second - first.square());
            Kernel::Gaussian {
                mean: x0 * of_chain.x0_coefficient.clone() + x * of_chain.x_coefficient,
                variance: unknown * of_chain.x0_coefficient.square() + of_chain.posterior_variance,
            }
        }
    }

    /// The bound of the best steps, by drawing states and noise, is the quadrature's.
    #[test]
    fn the_bound_of_the_best_steps_is_the_limit() {
        const STATES: usize = 1500;
        const PLACES: usize = 400;
        let roll = roll(1.0);
        let source = SourceConfig::SwissRoll(roll.clone());
        let splits = DatasetConfig { source, ..DatasetConfig::default() }.open(false).unwrap();
        let device = Device::flex();
        let place = |i: usize| roll.curve((i as f64 + 0.5) / PLACES as f64).map(|value| value as f32);
        let places: Vec<f32> = (0..PLACES).flat_map(place).collect();
        let places = Tensor::<4>::from_data(TensorData::new(places, [1, 1, PLACES, 2]), &device);
        let process = BestSteps { chain: chain(10, 1e-2, 0.1), places, own: roll.width().powi(2) };
        let numbers: Vec<usize> = (0..STATES).collect();
        let x0 = splits.train.fixed(&numbers).unwrap().pixels;
        let x0 = Tensor::<3>::from_data(TensorData::new(x0, [1, STATES, 2]), &device);
        let steps: Vec<usize> = (2..=10).collect();
        let noise = Seed(1).stream("test", 0).normal(9 * STATES * 2);
        let noise = Tensor::<3>::from_data(TensorData::new(noise, [9, STATES, 2]), &device);
        let bounds = process.bound(x0.expand([9, STATES, 2]), noise, &steps).mean_dim(0);
        let bits = bounds.mean().into_scalar::<f64>() / LN_2;
        let expected = limit(1.0, &process.chain);
        // The standard error is 0.02.
        assert!((bits - expected).abs() < 0.06, "{bits} is not {expected}");
    }
}

use serde::{Deserialize, Serialize};

use crate::NoiseLevel;

/// The fixed variance of a reverse step (Ho et al. 2020, section 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixedVariance {
    /// The posterior's own `beta_tilde`: right when the data are a single point.
    Small,
    /// `beta`: right when the data are standard normal.
    #[default]
    Large,
}

/// `q(x_t | x_s, x0)` for two levels of a chain, `s` noisier than `t`: a Gaussian with mean
/// `x0_coefficient x0 + x_coefficient x_s` and variance `variance` (Ho et al. 2020, eqs. 6-7, for any two levels).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Posterior {
    /// Factor of the clean image in the mean.
    pub x0_coefficient: f64,
    /// Factor of the noisier image in the mean.
    pub x_coefficient: f64,
    /// Variance `beta_tilde`; 0 when `t` is the clean level.
    pub variance: f64,
    /// Variance `beta` of the forward step from `t` to `s`, in units of the variance-preserving chain.
    pub forward_variance: f64,
}

impl Posterior {
    /// The posterior of stepping from `from` (noisier) to `to`.
    pub fn between(from: NoiseLevel, to: NoiseLevel) -> Self {
        let ratio = from.alpha / to.alpha;
        let forward_variance = from.sigma.powi(2) - (ratio * to.sigma).powi(2);
        let share = forward_variance / from.sigma.powi(2);
        Self {
            x0_coefficient: to.alpha * share,
            x_coefficient: ratio * (to.sigma / from.sigma).powi(2),
            variance: to.sigma.powi(2) * share,
            forward_variance,
        }
    }

    /// The variance to draw with. The step to the clean level draws none, whatever the choice.
    pub fn fixed_variance(&self, choice: FixedVariance) -> f64 {
        match choice {
            _ if self.variance == 0.0 => 0.0,
            FixedVariance::Small => self.variance,
            FixedVariance::Large => self.forward_variance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScheduleConfig;

    /// The textbook form with betas, for neighbouring timesteps.
    #[test]
    fn neighbours_agree_with_equation_7() {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        let bar = schedule.alphas_cumprod();
        for t in [1, 2, 250, 999] {
            let beta = schedule.betas()[t];
            let posterior = Posterior::between(schedule.level(t), schedule.level(t - 1));
            let expect = [
                (posterior.x0_coefficient, bar[t - 1].sqrt() * beta / (1.0 - bar[t])),
                (posterior.x_coefficient, (1.0 - beta).sqrt() * (1.0 - bar[t - 1]) / (1.0 - bar[t])),
                (posterior.variance, (1.0 - bar[t - 1]) / (1.0 - bar[t]) * beta),
                (posterior.forward_variance, beta),
            ];
            for (ours, textbook) in expect {
                assert!((ours - textbook).abs() <= 1e-9 * textbook, "t {t}: {ours} is not {textbook}");
            }
        }
    }

    /// Drawing x_s and then x_t from the posterior must give q(x_t | x0) again.
    #[test]
    fn the_posterior_preserves_the_marginals() {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        for (s, t) in [(999, 500), (500, 499), (300, 0)] {
            let (from, to) = (schedule.level(s), schedule.level(t));
            let posterior = Posterior::between(from, to);
            let mean = posterior.x0_coefficient + posterior.x_coefficient * from.alpha;
            let variance = posterior.variance + (posterior.x_coefficient * from.sigma).powi(2);
            assert!((mean - to.alpha).abs() < 1e-12);
            assert!((variance - to.sigma.powi(2)).abs() < 1e-12);
        }
    }

    #[test]
    fn the_last_step_draws_no_noise() {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        let posterior = Posterior::between(schedule.level(0), NoiseLevel::CLEAN);
        assert_eq!(posterior.fixed_variance(FixedVariance::Large), 0.0);
        assert_eq!((posterior.x0_coefficient, posterior.x_coefficient), (1.0, 0.0));
    }
}

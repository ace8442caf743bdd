use serde::{Deserialize, Serialize};

use crate::{NoiseLevel, ScheduleError};

/// Which law the noise follows along the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleConfig {
    /// Betas evenly spaced (Ho et al. 2020, section 4: 1e-4 to 0.02 over 1000 steps).
    Linear {
        /// First beta.
        #[serde(default = "default_beta_start")]
        beta_start: f64,
        /// Last beta.
        #[serde(default = "default_beta_end")]
        beta_end: f64,
    },
    /// Square roots of the betas evenly spaced (Rombach et al. 2021, "linear" in the released code).
    ScaledLinear {
        /// First beta.
        #[serde(default = "default_scaled_start")]
        beta_start: f64,
        /// Last beta.
        #[serde(default = "default_scaled_end")]
        beta_end: f64,
    },
    /// `alpha_bar(t) = cos^2((t/T + s) / (1 + s) pi/2)` (Nichol & Dhariwal 2021, eq. 17).
    Cosine {
        /// The offset that keeps the first betas from vanishing.
        #[serde(default = "default_cosine_s")]
        s: f64,
        /// Upper bound of a beta, against the singularity at the end of the chain.
        #[serde(default = "default_max_beta")]
        max_beta: f64,
    },
}

fn default_beta_start() -> f64 {
    1e-4
}
fn default_beta_end() -> f64 {
    0.02
}
fn default_scaled_start() -> f64 {
    0.00085
}
fn default_scaled_end() -> f64 {
    0.012
}
fn default_cosine_s() -> f64 {
    0.008
}
fn default_max_beta() -> f64 {
    0.999
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self::Linear { beta_start: default_beta_start(), beta_end: default_beta_end() }
    }
}

impl ScheduleConfig {
    /// The table of levels for a chain of `num_train_timesteps`.
    ///
    /// # Errors
    ///
    /// If the chain is empty or a beta falls outside `(0, 1]`.
    pub fn build(&self, num_train_timesteps: usize) -> Result<Schedule, ScheduleError> {
        if num_train_timesteps == 0 {
            return Err(ScheduleError::EmptyChain);
        }
        Schedule::from_betas(self.betas(num_train_timesteps))
    }

    fn betas(&self, n: usize) -> Vec<f64> {
        match *self {
            Self::Linear { beta_start, beta_end } => linspace(beta_start, beta_end, n).collect(),
            Self::ScaledLinear { beta_start, beta_end } => {
                linspace(beta_start.sqrt(), beta_end.sqrt(), n).map(|root| root * root).collect()
            }
            Self::Cosine { s, max_beta } => {
                let alpha_bar = |t: f64| ((t + s) / (1.0 + s) * std::f64::consts::FRAC_PI_2).cos().powi(2);
                let at = |i: usize| alpha_bar(i as f64 / n as f64);
                (0..n).map(|i| (1.0 - at(i + 1) / at(i)).min(max_beta)).collect()
            }
        }
    }
}

fn linspace(start: f64, end: f64, n: usize) -> impl Iterator<Item = f64> {
    let step = if n > 1 { (end - start) / (n - 1) as f64 } else { 0.0 };
    (0..n).map(move |i| start + step * i as f64)
}

/// The levels of a trained chain, timesteps `0..T`, by rising noise.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    betas: Vec<f64>,
    alphas_cumprod: Vec<f64>,
}

impl Schedule {
    /// The chain `q(x_t | x_{t-1}) = N(sqrt(1 - beta_t) x_{t-1}, beta_t I)` (Ho et al. 2020, eq. 2).
    ///
    /// # Errors
    ///
    /// If there is no beta, or one outside `(0, 1]`.
    pub fn from_betas(betas: Vec<f64>) -> Result<Self, ScheduleError> {
        if betas.is_empty() {
            return Err(ScheduleError::EmptyChain);
        }
        let bad = betas.iter().position(|&beta| !(beta > 0.0 && beta <= 1.0));
        if let Some(timestep) = bad {
            return Err(ScheduleError::BetaOutOfRange { timestep, beta: betas[timestep] });
        }
        let alphas_cumprod = betas
            .iter()
            .scan(1.0, |product, beta| {
                *product *= 1.0 - beta;
                Some(*product)
            })
            .collect();
        Ok(Self { betas, alphas_cumprod })
    }

    /// The length T of the chain.
    pub fn num_train_timesteps(&self) -> usize {
        self.betas.len()
    }

    /// `beta_t`, the variance added by step `t` of the chain.
    pub fn betas(&self) -> &[f64] {
        &self.betas
    }

    /// `alpha_bar_t`, the product of `1 - beta` up to and including `t`.
    pub fn alphas_cumprod(&self) -> &[f64] {
        &self.alphas_cumprod
    }

    /// The level at a timestep in `0..T`.
    pub fn level(&self, timestep: usize) -> NoiseLevel {
        NoiseLevel::from_alpha_cumprod(self.alphas_cumprod[timestep])
    }

    /// The timestep of a level: exact for the chain's own levels, interpolated in lambda between them, and
    /// clamped to the chain outside.
    ///
    /// Networks are given timesteps, samplers think in levels; this is the one bridge.
    pub fn timestep(&self, level: NoiseLevel) -> f64 {
        let lambda_of = |bar: f64| NoiseLevel::from_alpha_cumprod(bar).lambda();
        let target = level.lambda();
        let after = self.alphas_cumprod.partition_point(|&bar| lambda_of(bar) > target);
        if after == 0 {
            return 0.0;
        }
        let Some(&bar) = self.alphas_cumprod.get(after) else {
            return (self.betas.len() - 1) as f64;
        };
        let (low, high) = (lambda_of(self.alphas_cumprod[after - 1]), lambda_of(bar));
        if high == target {
            // Also where both are minus infinity, at the end of a chain without signal.
            return after as f64;
        }
        (after - 1) as f64 + (low - target) / (low - high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: f64, b: f64, relative: f64) {
        assert!((a - b).abs() <= relative * b.abs(), "{a} is not {b}");
    }

    #[test]
    fn the_papers_chain_ends_almost_without_signal() {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        close(schedule.betas()[0], 1e-4, 1e-12);
        close(schedule.betas()[999], 0.02, 1e-12);
        close(schedule.alphas_cumprod()[999], 4.035829e-5, 1e-6);
    }

    #[test]
    fn cosine_follows_its_closed_form_until_the_bound() {
        let schedule = ScheduleConfig::Cosine { s: 0.008, max_beta: 0.999 }.build(1000).unwrap();
        let f = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
        for t in [0, 1, 500, 990] {
            close(schedule.alphas_cumprod()[t], f((t + 1) as f64 / 1000.0) / f(0.0), 1e-9);
        }
        assert_eq!(schedule.betas()[999], 0.999);
    }

    #[test]
    fn scaled_linear_is_linear_in_the_root() {
        let schedule =
            ScheduleConfig::ScaledLinear { beta_start: 0.00085, beta_end: 0.012 }.build(1000).unwrap();
        close(schedule.alphas_cumprod()[999], 0.0046600, 1e-4);
        let root = |t: usize| schedule.betas()[t].sqrt();
        close(root(500) - root(499), root(1) - root(0), 1e-9);
    }

    #[test]
    fn a_level_knows_its_timestep() {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        for t in [0, 1, 17, 500, 999] {
            assert_eq!(schedule.timestep(schedule.level(t)), t as f64);
        }
        assert_eq!(schedule.timestep(NoiseLevel::CLEAN), 0.0);
        let between = NoiseLevel::from_alpha_cumprod(
            (schedule.alphas_cumprod()[10] * schedule.alphas_cumprod()[11]).sqrt(),
        );
        let t = schedule.timestep(between);
        assert!(t > 10.0 && t < 11.0, "{t}");
        let zero_snr = Schedule::from_betas(vec![0.1, 0.5, 1.0]).unwrap();
        assert_eq!(zero_snr.timestep(zero_snr.level(2)), 2.0);
    }

    #[test]
    fn impossible_chains_are_refused() {
        assert_eq!(ScheduleConfig::default().build(0), Err(ScheduleError::EmptyChain));
        let error = Schedule::from_betas(vec![0.1, 1.5]).unwrap_err();
        assert_eq!(error, ScheduleError::BetaOutOfRange { timestep: 1, beta: 1.5 });
        assert!(Schedule::from_betas(vec![f64::NAN]).is_err());
    }

    fn any_schedule() -> impl Strategy<Value = ScheduleConfig> {
        prop_oneof![
            (1e-5..1e-3, 1e-3..0.05)
                .prop_map(|(beta_start, beta_end)| ScheduleConfig::Linear { beta_start, beta_end }),
            (1e-5..1e-3, 1e-3..0.05)
                .prop_map(|(beta_start, beta_end)| ScheduleConfig::ScaledLinear { beta_start, beta_end }),
            (1e-3..0.05, 0.9..0.9999).prop_map(|(s, max_beta)| ScheduleConfig::Cosine { s, max_beta }),
        ]
    }

    proptest! {
        #[test]
        fn noise_only_rises(config in any_schedule(), n in 2usize..300) {
            let schedule = config.build(n).unwrap();
            for t in 1..n {
                prop_assert!(schedule.level(t).snr() < schedule.level(t - 1).snr());
                let level = schedule.level(t);
                prop_assert!((level.alpha.powi(2) + level.sigma.powi(2) - 1.0).abs() < 1e-12);
            }
        }
    }
}

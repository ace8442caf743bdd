use crate::{NoiseLevel, ScheduleError};

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

    /// The same chain without signal at its end: the square roots of alpha_bar are shifted and stretched so that the
    /// last is 0 and the first stays (Lin et al. 2023, algorithm 1).
    pub fn with_zero_terminal_snr(&self) -> Self {
        let roots: Vec<f64> = self.alphas_cumprod.iter().map(|bar| bar.sqrt()).collect();
        let (first, last) = (roots[0], roots[roots.len() - 1]);
        let stretched = roots.iter().map(|root| (root - last) * first / (first - last));
        Self::from_alphas_cumprod(stretched.map(|root| root * root).collect())
    }

    /// The same chain with the tables in single precision, as the Python libraries keep them.
    pub fn in_single_precision(&self) -> Self {
        let single = |value: f64| f64::from(value as f32);
        let mut product = 1.0;
        let mut alphas_cumprod = Vec::with_capacity(self.betas.len());
        for &beta in &self.betas {
            product *= single(1.0 - single(beta));
            alphas_cumprod.push(single(product));
        }
        Self { betas: self.betas.iter().map(|&beta| single(beta)).collect(), alphas_cumprod }
    }

    /// The chain of a table of `alpha_bar`.
    pub fn from_alphas_cumprod(alphas_cumprod: Vec<f64>) -> Self {
        let before = std::iter::once(1.0).chain(alphas_cumprod.iter().copied());
        let betas = alphas_cumprod.iter().zip(before).map(|(bar, before)| 1.0 - bar / before).collect();
        Self { betas, alphas_cumprod }
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

    /// The levels of all timesteps, by rising noise.
    pub fn levels(&self) -> Vec<NoiseLevel> {
        self.alphas_cumprod.iter().map(|&bar| NoiseLevel::from_alpha_cumprod(bar)).collect()
    }

    /// The level at a fractional timestep: sigma / alpha interpolated linearly between the chain's own, clamped to the
    /// chain outside (k-diffusion's `t_to_sigma`, as the public libraries use it).
    pub fn level_at(&self, timestep: f64) -> NoiseLevel {
        let last = self.betas.len() - 1;
        let below = (timestep.max(0.0) as usize).min(last);
        let share = (timestep - below as f64).clamp(0.0, 1.0);
        if share == 0.0 || below == last {
            return self.level(below);
        }
        let (low, high) = (self.level(below).ratio(), self.level(below + 1).ratio());
        NoiseLevel::from_ratio(low + share * (high - low))
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
    use crate::ScheduleConfig;
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
    fn the_other_laws_have_their_closed_forms() {
        let build = |config: ScheduleConfig, n| config.build(n).unwrap();
        // The product telescopes to (T - t) / T.
        let dpm = build(ScheduleConfig::Dpm2015, 40);
        close(dpm.alphas_cumprod()[9], 30.0 / 40.0, 1e-12);
        let dpm = build(ScheduleConfig::Dpm2015Linspace, 40);
        assert_eq!((dpm.betas()[0], dpm.betas()[39]), (1.0 / 40.0, 0.5));
        let exponential = build(ScheduleConfig::Exponential { rate: 12.0, max_beta: 0.999 }, 100);
        close(exponential.alphas_cumprod()[99], (-12.0f64).exp(), 1e-9);
        let sigmoid = build(ScheduleConfig::Sigmoid { beta_start: 1e-4, beta_end: 0.02 }, 101);
        close(sigmoid.betas()[50], (1e-4 + 0.02) / 2.0, 1e-12);
        let laplace = build(ScheduleConfig::Laplace { max_beta: 0.999 }, 1000);
        close(laplace.alphas_cumprod()[499], 0.5f64.sqrt(), 1e-3);
        let even = build(ScheduleConfig::LogSnr { beta_start: 1e-4, alpha_bar_end: 1e-2 }, 41);
        close(even.betas()[0], 1e-4, 1e-9);
        close(even.alphas_cumprod()[40], 1e-2, 1e-9);
        close(even.level(20).lambda(), (even.level(0).lambda() + even.level(40).lambda()) / 2.0, 1e-9);
        let short = ScheduleConfig::Linear { beta_start: 1e-4, beta_end: 0.02, rescale: true };
        close(build(short, 100).betas()[99], 0.2, 1e-12);
        assert!(ScheduleConfig::Explicit { betas: vec![0.1, 0.2] }.build(3).is_err());
    }

    #[test]
    fn a_rescaled_chain_ends_without_signal_and_begins_as_before() {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        let rescaled = schedule.with_zero_terminal_snr();
        assert_eq!(rescaled.alphas_cumprod()[999], 0.0);
        assert_eq!(rescaled.betas()[999], 1.0);
        close(rescaled.alphas_cumprod()[0], schedule.alphas_cumprod()[0], 1e-12);
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
            (1e-5..1e-3, 1e-3..0.05).prop_map(|(beta_start, beta_end)| ScheduleConfig::Linear {
                beta_start,
                beta_end,
                rescale: false
            }),
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

use serde::{Deserialize, Serialize};

use crate::{Curve, Edm, NoiseLevel, ScheduleError, sigmas};

/// Which levels of the trained chain a sampler visits.
///
/// The first five choose timesteps (Lin et al. 2023, table 2, has the names of three); the others lay out the noise
/// itself between the chain's ends, and the network is told the timesteps between its own.
///
/// A configuration says `spacing = "karras"`, or with options `spacing = { type = "karras", rho = 5.0 }`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Spacing {
    /// `0, c, 2c, ...` with `c = T / steps` rounded down; the last timestep may never be visited (DDIM's choice).
    Leading {
        /// Added to each timestep: 1 in Stable Diffusion.
        #[serde(default)]
        offset: usize,
    },
    /// Ends at `T - 1` whatever the number of steps: `T, T - T/steps, ...`, rounded, less one.
    #[default]
    Trailing,
    /// Evenly from 0 to `T - 1`, both ends included.
    Linspace,
    /// Evenly in the root of the timestep, up to `0.8 T` (Song et al. 2020, appendix D.2).
    Quadratic,
    /// These, and no others.
    Explicit {
        /// Falling timesteps of the chain, as many as there are steps.
        timesteps: Vec<usize>,
    },
    /// Evenly in `sigma^(1/rho)` (Karras et al. 2022, eq. 5).
    Karras {
        /// How much denser the levels are where there is little noise; the paper's is 7.
        #[serde(default = "paper_rho")]
        rho: f64,
    },
    /// Evenly in lambda (Lu et al. 2022, section 3.4).
    #[serde(alias = "lu_lambdas")]
    Exponential,
    /// By the quantiles of a beta distribution (Lee et al. 2024).
    Beta,
}

/// The level that a walk ends at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalSigma {
    /// The clean image.
    #[default]
    Zero,
    /// The chain's first level, with its little noise; a spacing that visits it ends there, one evaluation sooner.
    SigmaMin,
}

/// The longest walk where no chain is.
const MAX_STEPS: usize = 1_000_000;

fn paper_rho() -> f64 {
    7.0
}

impl Spacing {
    /// `steps` timesteps out of `0..num_train_timesteps`, noisiest first; of a spacing by noise, the nearest.
    ///
    /// Halves are rounded to even, as NumPy does.
    ///
    /// # Errors
    ///
    /// If `steps` is 0 or more than the chain has, or explicit or offset timesteps are not in the chain.
    pub fn timesteps(&self, num_train_timesteps: usize, steps: usize) -> Result<Vec<usize>, ScheduleError> {
        if steps == 0 || steps > num_train_timesteps {
            return Err(ScheduleError::StepsOutOfRange { steps, num_train_timesteps });
        }
        let (t, n) = (num_train_timesteps as f64, steps as f64);
        let rising = |i: usize| match self {
            Self::Leading { offset } => i * (num_train_timesteps / steps) + offset,
            Self::Trailing => (t - (n - 1.0 - i as f64) * t / n).round_ties_even() as usize - 1,
            Self::Quadratic if steps > 1 => (0.8 * t * (i as f64 / (n - 1.0)).powi(2)) as usize,
            _ if steps == 1 => num_train_timesteps - 1,
            _ => (i as f64 * (t - 1.0) / (n - 1.0)).round_ties_even() as usize,
        };
        let timesteps = match self {
            Self::Explicit { timesteps } => timesteps.clone(),
            _ => (0..steps).rev().map(rising).collect(),
        };
        let falls = timesteps.windows(2).all(|pair| pair[0] > pair[1]) || matches!(self, Self::Quadratic);
        if timesteps.len() != steps || !falls || timesteps[0] >= num_train_timesteps {
            return Err(ScheduleError::TimestepsOutOfRange { timesteps, steps, num_train_timesteps });
        }
        Ok(timesteps)
    }

    /// The levels, then the one it ends at: `steps + 1` levels between which a solver steps, or fewer where timesteps would be
    /// visited twice.
    ///
    /// A flow of T timesteps is at time `(k + 1) / T` at timestep `k`, and has its noise laid out by spacings that do so.
    ///
    /// # Errors
    ///
    /// As [`Spacing::timesteps`]; for a spacing by noise, if the chain ends without signal or rho is out of its range; for one by
    /// timesteps, if the law is EDM's; if a flow's walk would not begin at noise alone;
    /// and if the noise does not fall from level to level, as rounding makes it in absurd schedules.
    pub fn levels(
        &self,
        curve: &Curve,
        steps: usize,
        end: FinalSigma,
    ) -> Result<Vec<NoiseLevel>, ScheduleError> {
        let mut levels = self.visited(curve, steps)?;
        match end {
            FinalSigma::Zero => levels.push(NoiseLevel::CLEAN),
            FinalSigma::SigmaMin => {
                let last = curve.least_noisy();
                levels.retain(|level| level.ratio() > last.ratio() * (1.0 + 1e-9));
                levels.push(last);
            }
        }
        // Quadratic spacing visits the least noisy timesteps several times.
        levels.dedup();
        let falls = |pair: &[NoiseLevel]| pair[0].ratio() > pair[1].ratio();
        match levels.windows(2).position(|pair| !falls(pair)) {
            Some(step) => Err(ScheduleError::NotFalling { step }),
            None => Ok(levels),
        }
    }

    fn visited(&self, curve: &Curve, steps: usize) -> Result<Vec<NoiseLevel>, ScheduleError> {
        let (max, min) = (curve.noisiest(), curve.least_noisy());
        match curve {
            Curve::Chain(schedule) => {
                let timesteps = self.timesteps(schedule.num_train_timesteps(), steps)?;
                let ratios = self.laid_out(max.ratio(), min.ratio(), steps)?;
                if ratios.is_some() && max.alpha == 0.0 {
                    return Err(ScheduleError::NoSignal);
                }
                let ratios = ratios.map(|ratios| ratios.into_iter().map(NoiseLevel::from_ratio).collect());
                Ok(ratios.unwrap_or_else(|| timesteps.into_iter().map(|t| schedule.level(t)).collect()))
            }
            Curve::Edm(_) => {
                // No chain bounds the number of steps.
                Self::Linspace.timesteps(MAX_STEPS, steps)?;
                let sigmas = self.laid_out(max.sigma, min.sigma, steps)?;
                let sigmas =
                    sigmas.ok_or_else(|| ScheduleError::NoTimesteps { spacing: self.to_string() })?;
                Ok(sigmas.into_iter().map(Edm::at).collect())
            }
            Curve::Flow { num_train_timesteps, flow } => {
                let timesteps = self.timesteps(*num_train_timesteps, steps)?;
                if let Some(sigmas) = self.laid_out(max.sigma, min.sigma, steps)? {
                    return Ok(sigmas.into_iter().map(NoiseLevel::flow).collect());
                }
                let (spacing, num_train_timesteps) = (self.to_string(), *num_train_timesteps);
                if timesteps[0] + 1 != num_train_timesteps {
                    let timestep = timesteps[0];
                    return Err(ScheduleError::LateStart { spacing, timestep, num_train_timesteps });
                }
                let time = |timestep: usize| (timestep + 1) as f64 / num_train_timesteps as f64;
                Ok(timesteps.into_iter().map(|timestep| flow.at(time(timestep))).collect())
            }
        }
    }

    /// Noise between two ends, for a spacing by noise.
    fn laid_out(&self, max: f64, min: f64, steps: usize) -> Result<Option<Vec<f64>>, ScheduleError> {
        Ok(Some(match *self {
            Self::Karras { rho } if !(0.1..=100.0).contains(&rho) => {
                let range = "from 0.1 to 100";
                return Err(ScheduleError::OutOfRange { of: "spacing", key: "rho", value: rho, range });
            }
            Self::Karras { rho } => sigmas::karras(max, min, steps, rho),
            Self::Exponential => sigmas::exponential(max, min, steps),
            Self::Beta => sigmas::beta(max, min, steps),
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flow, ScheduleConfig};
    use proptest::prelude::*;

    fn curve(config: &ScheduleConfig, length: usize) -> Curve {
        config.curve(length).unwrap()
    }

    #[test]
    fn ten_steps_of_a_thousand() {
        let leading = Spacing::Leading { offset: 0 }.timesteps(1000, 10).unwrap();
        assert_eq!(leading, [900, 800, 700, 600, 500, 400, 300, 200, 100, 0]);
        let trailing = Spacing::Trailing.timesteps(1000, 10).unwrap();
        assert_eq!(trailing, [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]);
        let linspace = Spacing::Linspace.timesteps(1000, 10).unwrap();
        assert_eq!(linspace, [999, 888, 777, 666, 555, 444, 333, 222, 111, 0]);
        let quadratic = Spacing::Quadratic.timesteps(1000, 5).unwrap();
        assert_eq!(quadratic, [800, 450, 200, 50, 0]);
    }

    #[test]
    fn spacings_by_noise_span_the_chain() {
        let curve = curve(&ScheduleConfig::default(), 1000);
        for spacing in [Spacing::Karras { rho: 7.0 }, Spacing::Exponential, Spacing::Beta] {
            let levels = spacing.levels(&curve, 8, FinalSigma::Zero).unwrap();
            assert_eq!(levels.len(), 9);
            assert!((curve.timestep(levels[0]) - 999.0).abs() < 1e-6, "{spacing:?}");
            assert!(curve.timestep(levels[7]) < 1e-6, "{spacing:?}");
            assert!(levels.windows(2).all(|pair| pair[0].snr() < pair[1].snr()), "{spacing:?}");
        }
        let zero = Curve::Chain(curve.chain().unwrap().with_zero_terminal_snr());
        assert_eq!(
            Spacing::Karras { rho: 7.0 }.levels(&zero, 8, FinalSigma::Zero),
            Err(ScheduleError::NoSignal)
        );
        assert!(Spacing::Trailing.levels(&zero, 8, FinalSigma::Zero).is_ok());
    }

    #[test]
    fn steps_that_do_not_fit_are_refused() {
        for steps in [0, 11] {
            let error = Spacing::Leading { offset: 0 }.timesteps(10, steps).unwrap_err();
            assert_eq!(error, ScheduleError::StepsOutOfRange { steps, num_train_timesteps: 10 });
        }
    }

    #[test]
    fn offsets_and_lists_stay_in_the_chain() {
        let offset = |offset| Spacing::Leading { offset }.timesteps(1000, 4);
        assert_eq!(offset(1).unwrap(), [751, 501, 251, 1]);
        assert!(matches!(offset(250), Err(ScheduleError::TimestepsOutOfRange { .. })));
        let list =
            |timesteps: &[usize]| Spacing::Explicit { timesteps: timesteps.to_vec() }.timesteps(1000, 3);
        assert_eq!(list(&[999, 30, 0]).unwrap(), [999, 30, 0]);
        for wrong in [&[999, 30][..], &[30, 999, 0], &[1000, 30, 0], &[30, 30, 0]] {
            assert!(list(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_walk_can_end_at_the_first_level() {
        let curve = curve(&ScheduleConfig::default(), 1000);
        let first = curve.least_noisy();
        let trailing = Spacing::Trailing.levels(&curve, 10, FinalSigma::SigmaMin).unwrap();
        assert_eq!((trailing.len(), trailing[10]), (11, first));
        let linspace = Spacing::Linspace.levels(&curve, 10, FinalSigma::SigmaMin).unwrap();
        assert_eq!((linspace.len(), linspace[9]), (10, first));
    }

    #[test]
    fn edm_has_its_levels_laid_out_by_noise() {
        let edm = curve(&ScheduleConfig::Edm(Edm::default()), 1000);
        let levels = Spacing::Karras { rho: 7.0 }.levels(&edm, 18, FinalSigma::Zero).unwrap();
        // Karras et al. 2022, eq. 5.
        let root = |sigma: f64| sigma.powf(1.0 / 7.0);
        let fifth = (root(80.0) + 5.0 / 17.0 * (root(0.002) - root(80.0))).powi(7);
        assert!((levels[5].sigma / fifth - 1.0).abs() < 1e-12 && levels[5].alpha == 1.0);
        assert_eq!((levels.len(), levels[18]), (19, NoiseLevel::CLEAN));
        let error = Spacing::Trailing.levels(&edm, 18, FinalSigma::Zero).unwrap_err();
        assert!(error.to_string().starts_with("spacing = \"trailing\" counts timesteps"), "{error}");
    }

    #[test]
    fn a_flow_begins_at_noise_alone() {
        let flow = Flow { shift: 3.0, ..Flow::default() };
        let flow = curve(&ScheduleConfig::Flow(flow), 1000);
        let sigmas = |spacing: Spacing| -> Vec<f64> {
            let levels = spacing.levels(&flow, 4, FinalSigma::Zero).unwrap();
            levels.iter().map(|level| level.sigma).collect()
        };
        // s t / (1 + (s - 1) t) at t = 1, 3/4, 1/2, 1/4.
        let trailing = [1.0, 0.9, 0.75, 0.5, 0.0];
        for (ours, expected) in sigmas(Spacing::Trailing).iter().zip(trailing) {
            assert!((ours - expected).abs() < 1e-12, "{ours}");
        }
        assert!((sigmas(Spacing::Linspace)[3] - 0.003 / 1.002).abs() < 1e-12);
        assert_eq!(sigmas(Spacing::Karras { rho: 7.0 })[0], 1.0);
        let error = Spacing::Leading { offset: 0 }.levels(&flow, 4, FinalSigma::Zero).unwrap_err();
        assert!(error.to_string().contains("begins at timestep 750 of 1000"), "{error}");
    }

    #[test]
    fn rho_has_a_range() {
        let curve = curve(&ScheduleConfig::default(), 10);
        for rho in [0.0, -1.0, 1e-300, 1e300, f64::NAN] {
            let error = Spacing::Karras { rho }.levels(&curve, 3, FinalSigma::Zero).unwrap_err();
            assert!(error.to_string().contains("it must be from 0.1 to 100"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn timesteps_fall_and_stay_in_the_chain(n in 1usize..2000, share in 0.0..1.0f64) {
            let steps = ((n as f64 * share) as usize).max(1);
            for spacing in [Spacing::Leading { offset: 0 }, Spacing::Trailing, Spacing::Linspace] {
                let timesteps = spacing.timesteps(n, steps).unwrap();
                prop_assert_eq!(timesteps.len(), steps);
                prop_assert!(timesteps.windows(2).all(|w| w[0] > w[1]));
                prop_assert!(timesteps[0] < n);
            }
            let whole: Vec<usize> = (0..n).rev().collect();
            prop_assert_eq!(Spacing::Trailing.timesteps(n, n).unwrap(), whole);
        }
    }
}

use serde::{Deserialize, Serialize};

use crate::{NoiseLevel, Schedule, ScheduleError, sigmas};

/// Which levels of the trained chain a sampler visits.
///
/// The first four choose timesteps (Lin et al. 2023, table 2, has the names); the others lay out the noise itself
/// between the chain's ends, and the network is told the timesteps between its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// `0, c, 2c, ...` with `c = T / steps` rounded down; the last timestep may never be visited (DDIM's choice).
    Leading,
    /// Ends at `T - 1` whatever the number of steps: `T, T - T/steps, ...`, rounded, less one.
    #[default]
    Trailing,
    /// Evenly from 0 to `T - 1`, both ends included.
    Linspace,
    /// Evenly in the root of the timestep, up to `0.8 T` (Song et al. 2020, appendix D.2).
    Quadratic,
    /// Evenly in `sigma^(1/7)` (Karras et al. 2022, eq. 5).
    Karras,
    /// Evenly in lambda (Lu et al. 2022, section 3.4).
    #[serde(alias = "lu_lambdas")]
    Exponential,
    /// By the quantiles of a beta distribution (Lee et al. 2024).
    Beta,
}

impl Spacing {
    /// `steps` timesteps out of `0..num_train_timesteps`, noisiest first; of a spacing by noise, the nearest.
    ///
    /// Halves are rounded to even, as NumPy does.
    ///
    /// # Errors
    ///
    /// If `steps` is 0 or more than the chain has.
    pub fn timesteps(self, num_train_timesteps: usize, steps: usize) -> Result<Vec<usize>, ScheduleError> {
        if steps == 0 || steps > num_train_timesteps {
            return Err(ScheduleError::StepsOutOfRange { steps, num_train_timesteps });
        }
        let (t, n) = (num_train_timesteps as f64, steps as f64);
        let rising = |i: usize| match self {
            Self::Leading => i * (num_train_timesteps / steps),
            Self::Trailing => (t - (n - 1.0 - i as f64) * t / n).round_ties_even() as usize - 1,
            Self::Quadratic if steps > 1 => (0.8 * t * (i as f64 / (n - 1.0)).powi(2)) as usize,
            _ if steps == 1 => num_train_timesteps - 1,
            _ => (i as f64 * (t - 1.0) / (n - 1.0)).round_ties_even() as usize,
        };
        Ok((0..steps).rev().map(rising).collect())
    }

    /// The levels, then the clean one: `steps + 1` levels between which a solver steps.
    ///
    /// # Errors
    ///
    /// As [`Spacing::timesteps`]; and for a spacing by noise, if the chain ends without signal.
    pub fn levels(self, schedule: &Schedule, steps: usize) -> Result<Vec<NoiseLevel>, ScheduleError> {
        let length = schedule.num_train_timesteps();
        let timesteps = self.timesteps(length, steps)?;
        let (max, min) = (schedule.level(length - 1).ratio(), schedule.level(0).ratio());
        let ratios = match self {
            Self::Karras => sigmas::karras(max, min, steps, 7.0),
            Self::Exponential => sigmas::exponential(max, min, steps),
            Self::Beta => sigmas::beta(max, min, steps),
            _ => {
                let visited = timesteps.into_iter().map(|t| schedule.level(t));
                return Ok(visited.chain([NoiseLevel::CLEAN]).collect());
            }
        };
        if max.is_infinite() {
            return Err(ScheduleError::NoSignal);
        }
        Ok(ratios.into_iter().map(NoiseLevel::from_ratio).chain([NoiseLevel::CLEAN]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScheduleConfig;
    use proptest::prelude::*;

    #[test]
    fn ten_steps_of_a_thousand() {
        let leading = Spacing::Leading.timesteps(1000, 10).unwrap();
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
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        for spacing in [Spacing::Karras, Spacing::Exponential, Spacing::Beta] {
            let levels = spacing.levels(&schedule, 8).unwrap();
            assert_eq!(levels.len(), 9);
            assert!((schedule.timestep(levels[0]) - 999.0).abs() < 1e-6, "{spacing:?}");
            assert!(schedule.timestep(levels[7]) < 1e-6, "{spacing:?}");
            assert!(levels.windows(2).all(|pair| pair[0].snr() < pair[1].snr()), "{spacing:?}");
        }
        let zero = schedule.with_zero_terminal_snr();
        assert_eq!(Spacing::Karras.levels(&zero, 8), Err(ScheduleError::NoSignal));
        assert!(Spacing::Trailing.levels(&zero, 8).is_ok());
    }

    #[test]
    fn steps_that_do_not_fit_are_refused() {
        for steps in [0, 11] {
            let error = Spacing::Leading.timesteps(10, steps).unwrap_err();
            assert_eq!(error, ScheduleError::StepsOutOfRange { steps, num_train_timesteps: 10 });
        }
    }

    proptest! {
        #[test]
        fn timesteps_fall_and_stay_in_the_chain(n in 1usize..2000, share in 0.0..1.0f64) {
            let steps = ((n as f64 * share) as usize).max(1);
            for spacing in [Spacing::Leading, Spacing::Trailing, Spacing::Linspace] {
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

use serde::{Deserialize, Serialize};

use crate::{NoiseLevel, Schedule, ScheduleError};

/// Which timesteps of the trained chain a sampler visits (Lin et al. 2023, table 2, has the names).
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
}

impl Spacing {
    /// `steps` timesteps out of `0..num_train_timesteps`, noisiest first.
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
            Self::Trailing => (t - (n - 1.0 - i as f64) * t / n).round() as usize - 1,
            Self::Linspace if steps == 1 => num_train_timesteps - 1,
            Self::Linspace => (i as f64 * (t - 1.0) / (n - 1.0)).round() as usize,
        };
        Ok((0..steps).rev().map(rising).collect())
    }

    /// The levels of those timesteps, then the clean one: `steps + 1` levels between which a solver steps.
    ///
    /// # Errors
    ///
    /// As [`Spacing::timesteps`].
    pub fn levels(self, schedule: &Schedule, steps: usize) -> Result<Vec<NoiseLevel>, ScheduleError> {
        let timesteps = self.timesteps(schedule.num_train_timesteps(), steps)?;
        Ok(timesteps.into_iter().map(|t| schedule.level(t)).chain([NoiseLevel::CLEAN]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ten_steps_of_a_thousand() {
        let leading = Spacing::Leading.timesteps(1000, 10).unwrap();
        assert_eq!(leading, [900, 800, 700, 600, 500, 400, 300, 200, 100, 0]);
        let trailing = Spacing::Trailing.timesteps(1000, 10).unwrap();
        assert_eq!(trailing, [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]);
        let linspace = Spacing::Linspace.timesteps(1000, 10).unwrap();
        assert_eq!(linspace, [999, 888, 777, 666, 555, 444, 333, 222, 111, 0]);
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

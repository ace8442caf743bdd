use serde::{Deserialize, Serialize};

use crate::ScheduleError;

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
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

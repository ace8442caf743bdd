use schedules::{Curve, FixedVariance};
use serde::{Deserialize, Serialize};

use crate::{
    Ancestral, Churn, Consistency, Ddim, DiffusionError, DpmMultistep, DpmMultistepConfig, DpmSde,
    DpmSinglestep, DpmSinglestepConfig, Euler, Heun, Ipndm, Lms, Midpoint, Pndm, Solver, Tcd, UniPc,
    UniPcConfig, WarmUp,
};

/// Which solver, with its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum SolverConfig {
    /// [`Ancestral`].
    Ancestral {
        /// Variance of each reverse step.
        #[serde(default)]
        variance: FixedVariance,
    },
    /// [`Ddim`].
    Ddim {
        /// 0 deterministic, 1 as noisy as the ancestral solver with the small variance.
        #[serde(default)]
        eta: f64,
    },
    /// [`Euler`].
    Euler {
        /// Noise added before each step.
        #[serde(default)]
        churn: Churn,
    },
    /// [`Heun`].
    Heun {
        /// Noise added before each step.
        #[serde(default)]
        churn: Churn,
    },
    /// [`Midpoint`].
    Midpoint {
        /// 0 deterministic, 1 ancestral.
        #[serde(default)]
        eta: f64,
    },
    /// [`Lms`].
    Lms {
        /// How many slopes are used, 1 to 4.
        #[serde(default = "four")]
        order: usize,
    },
    /// [`Ipndm`].
    Ipndm,
    /// [`Pndm`].
    Pndm {
        /// Whether the warm-up is by Runge-Kutta, else by Euler.
        #[serde(default)]
        runge_kutta: bool,
    },
    /// [`DpmMultistep`].
    DpmMultistep(DpmMultistepConfig),
    /// [`DpmSinglestep`].
    DpmSinglestep(DpmSinglestepConfig),
    /// [`DpmMultistep`] as DEIS.
    Deis {
        /// 1 to 3 levels are used.
        #[serde(default = "three")]
        order: usize,
    },
    /// [`DpmSde`].
    DpmSde,
    /// [`UniPc`].
    Unipc(UniPcConfig),
    /// [`Consistency`], for models distilled to one step (LCM).
    Lcm,
    /// [`Tcd`], for models distilled to a trajectory.
    Tcd {
        /// 0 deterministic, 1 all noise drawn anew.
        #[serde(default)]
        eta: f64,
    },
}

fn three() -> usize {
    3
}
fn four() -> usize {
    4
}

impl SolverConfig {
    /// A solver ready for its first step, for a model of a law of noise.
    pub fn init(&self, curve: &Curve) -> Box<dyn Solver> {
        match *self {
            Self::Ancestral { variance } => Box::new(Ancestral { variance }),
            Self::Ddim { eta } => Box::new(Ddim { eta }),
            Self::Euler { churn } => Box::new(Euler { churn }),
            Self::Heun { churn } => Box::new(Heun { churn }),
            Self::Midpoint { eta } => Box::new(Midpoint { eta }),
            Self::Lms { order } => Box::new(Lms::new(order)),
            Self::Ipndm => Box::new(Ipndm::default()),
            Self::Pndm { runge_kutta: false } => Box::new(Pndm::new(WarmUp::Euler)),
            Self::Pndm { runge_kutta: true } => Box::new(Pndm::new(WarmUp::on_curve(curve))),
            Self::DpmMultistep(config) => Box::new(DpmMultistep::new(config)),
            Self::DpmSinglestep(config) => Box::new(DpmSinglestep::new(config)),
            Self::Deis { order } => Box::new(DpmMultistep::new(DpmMultistepConfig::deis(order))),
            Self::DpmSde => Box::new(DpmSde { deviation: 1.0 }),
            Self::Unipc(ref config) => Box::new(UniPc::new(config.clone())),
            Self::Lcm => Box::new(Consistency),
            Self::Tcd { eta } => Box::new(Tcd::on_curve(curve, eta)),
        }
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// The first option that the solver is not defined for.
    pub fn validate(&self) -> Result<(), DiffusionError> {
        let eta = |eta: f64| vec![("eta", eta, 0.0, 1.0)];
        let order = |order: usize, most: f64| vec![("order", order as f64, 1.0, most)];
        let ranges = match self {
            Self::Ddim { eta: value } | Self::Midpoint { eta: value } | Self::Tcd { eta: value } => {
                eta(*value)
            }
            Self::Euler { churn } | Self::Heun { churn } => churn.ranges(),
            Self::Lms { order: value } => order(*value, 4.0),
            Self::Deis { order: value } => order(*value, 3.0),
            Self::DpmMultistep(config) => order(config.order, 3.0),
            Self::DpmSinglestep(config) => order(config.order, 3.0),
            Self::Unipc(config) => order(config.order, 3.0),
            Self::Ancestral { .. } | Self::Ipndm | Self::Pndm { .. } | Self::DpmSde | Self::Lcm => Vec::new(),
        };
        match ranges.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
            Some((option, value, least, most)) => {
                Err(DiffusionError::SolverOption { option, value, least, most })
            }
            None => Ok(()),
        }
    }

    /// Whether the solver draws no noise.
    pub fn is_deterministic(&self) -> bool {
        match self {
            Self::Ancestral { .. } | Self::DpmSde | Self::Lcm => false,
            Self::Ddim { eta } | Self::Midpoint { eta } | Self::Tcd { eta } => *eta == 0.0,
            Self::Euler { churn } | Self::Heun { churn } => churn.amount == 0.0,
            Self::DpmMultistep(config) => !config.sde,
            Self::DpmSinglestep(config) => !config.sde,
            Self::Lms { .. } | Self::Ipndm | Self::Pndm { .. } | Self::Deis { .. } | Self::Unipc(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_outside_a_solver_are_refused() {
        let multistep =
            |order| SolverConfig::DpmMultistep(DpmMultistepConfig { order, ..Default::default() });
        for good in [multistep(1), multistep(3), SolverConfig::Lms { order: 4 }, SolverConfig::Ipndm] {
            assert!(good.validate().is_ok(), "{good:?}");
        }
        for bad in
            [multistep(0), multistep(4), SolverConfig::Deis { order: 0 }, SolverConfig::Tcd { eta: -1.0 }]
        {
            assert!(bad.validate().is_err(), "{bad:?}");
        }
        let error = SolverConfig::Lms { order: 5 }.validate().unwrap_err();
        assert_eq!(error.to_string(), "solver: order = 5: it must be from 1 to 4");
    }
}

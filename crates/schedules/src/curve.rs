use crate::{NoiseLevel, Schedule};

/// The law between the timestep that a network is told and the noise level of its picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Curve {
    /// A trained chain.
    Chain(Schedule),
    /// `c_noise = ln(sigma) / 4` with `alpha = 1` (Karras et al. 2022, table 1).
    Edm,
    /// `timestep = T sigma` with `alpha = 1 - sigma` (flow matching).
    Flow {
        /// T.
        num_train_timesteps: usize,
    },
}

impl Curve {
    /// The timestep of a level, however the level is scaled.
    pub fn timestep(&self, level: NoiseLevel) -> f64 {
        match self {
            Self::Chain(schedule) => schedule.timestep(level),
            Self::Edm => 0.25 * level.ratio().ln(),
            Self::Flow { num_train_timesteps } => {
                *num_train_timesteps as f64 * level.sigma / (level.alpha + level.sigma)
            }
        }
    }

    /// The level at a timestep.
    pub fn level(&self, timestep: f64) -> NoiseLevel {
        match self {
            Self::Chain(schedule) => schedule.level_at(timestep),
            Self::Edm => NoiseLevel { alpha: 1.0, sigma: (4.0 * timestep).exp() },
            Self::Flow { num_train_timesteps } => NoiseLevel::flow(timestep / *num_train_timesteps as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScheduleConfig;

    #[test]
    fn timesteps_and_levels_are_inverse() {
        let chain = ScheduleConfig::default().build(1000).unwrap();
        for (curve, timesteps) in [
            (Curve::Chain(chain), [0.0, 17.0, 999.0]),
            (Curve::Edm, [-1.5, 0.0, 1.09]),
            (Curve::Flow { num_train_timesteps: 1000 }, [1.0, 250.0, 1000.0]),
        ] {
            for timestep in timesteps {
                let level = curve.level(timestep);
                for scale in [1.0, 3.0] {
                    assert!((curve.timestep(level.scaled(scale)) - timestep).abs() < 1e-9, "{curve:?}");
                }
            }
        }
    }
}

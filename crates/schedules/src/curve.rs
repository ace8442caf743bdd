use crate::{Edm, Flow, NoiseLevel, Schedule};

/// The law between the timestep that a network is told and the noise level of its picture, as a
/// [`ScheduleConfig`](crate::ScheduleConfig) has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Curve {
    /// A chain of levels.
    Chain(Schedule),
    /// Any sigma with `alpha = 1`; the timestep is `c_noise`.
    Edm(Edm),
    /// `alpha = 1 - sigma`, and the timestep is `T sigma`.
    Flow {
        /// T.
        num_train_timesteps: usize,
        /// Which of the levels are trained and visited.
        flow: Flow,
    },
}

impl Curve {
    /// The timestep of a level, however the level is scaled.
    pub fn timestep(&self, level: NoiseLevel) -> f64 {
        match self {
            Self::Chain(schedule) => schedule.timestep(level),
            Self::Edm(edm) => edm.timestep(level),
            Self::Flow { num_train_timesteps, .. } => {
                *num_train_timesteps as f64 * level.sigma / (level.alpha + level.sigma)
            }
        }
    }

    /// The level at a timestep.
    pub fn level(&self, timestep: f64) -> NoiseLevel {
        match self {
            Self::Chain(schedule) => schedule.level_at(timestep),
            Self::Edm(edm) => edm.level(timestep),
            Self::Flow { num_train_timesteps, .. } => {
                NoiseLevel::flow(timestep / *num_train_timesteps as f64)
            }
        }
    }

    /// The chain, where the levels are those of one.
    pub fn chain(&self) -> Option<&Schedule> {
        match self {
            Self::Chain(schedule) => Some(schedule),
            Self::Edm(_) | Self::Flow { .. } => None,
        }
    }

    /// The noisiest level.
    pub fn noisiest(&self) -> NoiseLevel {
        match self {
            Self::Chain(schedule) => schedule.level(schedule.num_train_timesteps() - 1),
            Self::Edm(edm) => Edm::at(edm.sigma_max),
            Self::Flow { .. } => NoiseLevel::flow(1.0),
        }
    }

    /// The least noisy level that is visited before the clean one.
    pub fn least_noisy(&self) -> NoiseLevel {
        match self {
            Self::Chain(schedule) => schedule.level(0),
            Self::Edm(edm) => Edm::at(edm.sigma_min),
            Self::Flow { num_train_timesteps, flow } => flow.at(1.0 / *num_train_timesteps as f64),
        }
    }

    /// The deviation of the noise that a walk from `first` begins with: that of images so noisy that their signal does not
    /// show.
    pub fn initial_deviation(&self, first: NoiseLevel) -> f64 {
        match self {
            Self::Edm(_) => first.sigma,
            Self::Chain(_) | Self::Flow { .. } => 1.0,
        }
    }

    /// The time that the law runs in, from which a solver may find a level between two: timesteps, or EDM's sigma (Karras
    /// et al. 2022, section 3).
    pub fn time(&self, level: NoiseLevel) -> f64 {
        match self {
            Self::Edm(_) => level.ratio(),
            Self::Chain(_) | Self::Flow { .. } => self.timestep(level),
        }
    }

    /// The level at such a time.
    pub fn at_time(&self, time: f64) -> NoiseLevel {
        match self {
            Self::Edm(_) => Edm::at(time),
            Self::Chain(_) | Self::Flow { .. } => self.level(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScheduleConfig;

    fn curves() -> [Curve; 3] {
        let flow = Flow { shift: 2.0, ..Flow::default() };
        [
            Curve::Chain(ScheduleConfig::default().build(1000).unwrap()),
            Curve::Edm(Edm::default()),
            Curve::Flow { num_train_timesteps: 1000, flow },
        ]
    }

    #[test]
    fn timesteps_and_levels_are_inverse() {
        for (curve, timesteps) in
            curves().iter().zip([[0.0, 17.0, 999.0], [-1.5, 0.0, 1.09], [1.0, 250.0, 1000.0]])
        {
            for timestep in timesteps {
                let level = curve.level(timestep);
                for scale in [1.0, 3.0] {
                    assert!((curve.timestep(level.scaled(scale)) - timestep).abs() < 1e-9, "{curve:?}");
                }
                let back = curve.at_time(curve.time(level));
                assert!((back.sigma / level.sigma - 1.0).abs() < 1e-9, "{curve:?}");
            }
        }
    }

    #[test]
    fn every_law_ends_where_it_says() {
        let [chain, edm, flow] = curves();
        assert_eq!(chain.timestep(chain.noisiest()), 999.0);
        assert_eq!((edm.noisiest().sigma, edm.least_noisy().sigma), (80.0, 0.002));
        assert_eq!(edm.initial_deviation(edm.noisiest()), 80.0);
        assert_eq!((flow.noisiest().alpha, flow.initial_deviation(flow.noisiest())), (0.0, 1.0));
        assert!((flow.least_noisy().sigma - 0.002 / 1.001).abs() < 1e-12);
    }
}

//! The levels of a walk: a law of noise, a spacing, and where it ends.

use serde::{Deserialize, Serialize};

use crate::{Curve, Edm, NoiseLevel, ScheduleError, Spacing, sigmas};

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

impl Spacing {
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

    fn curve(config: &ScheduleConfig, length: usize) -> Curve {
        config.curve(length).unwrap()
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
}

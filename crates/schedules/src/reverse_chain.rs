use crate::{FixedVariance, NoiseLevel, Posterior, ScheduleError};

/// The steps of a walk back to the clean level, by rising noise: step 0 ends there, step `i` leads from level `i` to
/// level `i - 1`.
///
/// Of a whole chain these are the papers' `beta_t` and `beta_tilde_t`. Of some of its levels they are those of the
/// respaced chain, between which a learnt variance is interpolated anew (Nichol & Dhariwal 2021, section 4).
#[derive(Clone, Debug, PartialEq)]
pub struct ReverseChain(pub Vec<ReverseStep>);

/// One step of a [`ReverseChain`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReverseStep {
    /// Factor of the clean image in the posterior's mean.
    pub x0_coefficient: f64,
    /// Factor of the noisier image in the posterior's mean.
    pub x_coefficient: f64,
    /// Variance of the forward step: the largest that can be learnt.
    pub beta: f64,
    /// Variance of the posterior: the smallest that can be learnt. Where it vanishes, in the step to the clean level,
    /// that of the step before (Ho et al. 2020, released code).
    pub beta_tilde: f64,
}

impl ReverseChain {
    /// That of levels by rising noise, the clean one left out.
    ///
    /// # Errors
    ///
    /// If there is no level, or one is not noisier than the one before it.
    pub fn new(levels: &[NoiseLevel]) -> Result<Self, ScheduleError> {
        if levels.is_empty() {
            return Err(ScheduleError::EmptyChain);
        }
        let below = std::iter::once(&NoiseLevel::CLEAN).chain(levels);
        let posteriors: Vec<Posterior> =
            levels.iter().zip(below).map(|(&from, &to)| Posterior::between(from, to)).collect();
        if let Some(step) = posteriors
            .iter()
            .position(|posterior| posterior.forward_variance <= 0.0 || posterior.forward_variance.is_nan())
        {
            return Err(ScheduleError::NotRising { step });
        }
        let first = posteriors.get(1).map_or(posteriors[0].forward_variance, |posterior| posterior.variance);
        let step = |posterior: &Posterior| ReverseStep {
            x0_coefficient: posterior.x0_coefficient,
            x_coefficient: posterior.x_coefficient,
            beta: posterior.forward_variance,
            beta_tilde: if posterior.variance == 0.0 { first } else { posterior.variance },
        };
        Ok(Self(posteriors.iter().map(step).collect()))
    }

    /// The variance of a step where it is not learnt. The first step has `beta_tilde` whatever the choice, which the
    /// likelihood of the pixels is better for (Ho et al. 2020, released code).
    pub fn fixed_variance(&self, step: usize, choice: FixedVariance) -> f64 {
        let ReverseStep { beta, beta_tilde, .. } = self.0[step];
        match choice {
            FixedVariance::Large if step > 0 => beta,
            FixedVariance::Large | FixedVariance::Small => beta_tilde,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Curve, FinalSigma, ScheduleConfig, Spacing};

    #[test]
    fn a_whole_chain_has_its_own_betas() {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        let ReverseChain(steps) = ReverseChain::new(&schedule.levels()).unwrap();
        for (step, beta) in steps.iter().zip(schedule.betas()) {
            assert!((step.beta / beta - 1.0).abs() < 1e-9);
        }
        assert!(steps[1..].iter().all(|step| 0.0 < step.beta_tilde && step.beta_tilde < step.beta));
        assert_eq!(steps[0].beta_tilde, steps[1].beta_tilde);
        assert_eq!((steps[0].x0_coefficient, steps[0].x_coefficient), (1.0, 0.0));
    }

    /// Nichol & Dhariwal 2021, section 4: `beta_S = 1 - abar_S / abar_S'` and `beta_tilde_S` of it.
    #[test]
    fn a_respaced_chain_has_betas_of_its_own() {
        let schedule = ScheduleConfig::Cosine { s: 0.008, max_beta: 0.999 }.build(4000).unwrap();
        let mut levels = Spacing::Trailing.levels(&Curve::Chain(schedule), 25, FinalSigma::Zero).unwrap();
        levels.pop();
        levels.reverse();
        let ReverseChain(steps) = ReverseChain::new(&levels).unwrap();
        let bar = |i: usize| levels[i].alpha.powi(2);
        for (i, step) in steps.iter().enumerate().skip(1) {
            let beta = 1.0 - bar(i) / bar(i - 1);
            assert!((step.beta / beta - 1.0).abs() < 1e-9, "step {i}");
            let beta_tilde = (1.0 - bar(i - 1)) / (1.0 - bar(i)) * beta;
            assert!((step.beta_tilde / beta_tilde - 1.0).abs() < 1e-9, "step {i}");
        }
        assert_eq!(steps.len(), 25);
        assert!((steps[0].beta - (1.0 - bar(0))).abs() < 1e-12);
    }

    #[test]
    fn the_first_step_always_has_the_small_variance() {
        let chain = ReverseChain::new(&ScheduleConfig::default().build(10).unwrap().levels()).unwrap();
        assert_eq!(chain.fixed_variance(0, FixedVariance::Large), chain.0[1].beta_tilde);
        assert_eq!(chain.fixed_variance(3, FixedVariance::Large), chain.0[3].beta);
        assert_eq!(chain.fixed_variance(3, FixedVariance::Small), chain.0[3].beta_tilde);
    }

    #[test]
    fn levels_that_do_not_rise_are_refused() {
        let level = NoiseLevel::from_alpha_cumprod(0.5);
        assert_eq!(ReverseChain::new(&[level, level]), Err(ScheduleError::NotRising { step: 1 }));
        assert_eq!(ReverseChain::new(&[]), Err(ScheduleError::EmptyChain));
        let ReverseChain(one) = ReverseChain::new(&[level]).unwrap();
        assert_eq!(one[0].beta_tilde, one[0].beta);
    }
}

use std::{fmt, mem};

use clap::ValueEnum;
use diffusion::{Churn, DpmMultistepConfig, DpmSinglestepConfig, Smooth, SolverConfig, UniPcConfig};
use schedules::FixedVariance;

/// A solver by name, with its usual options. Names of other programs are known too, such as `euler_a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sampler {
    /// DDPM's.
    #[value(aliases = ["ddpm"])]
    Ancestral,
    /// The same with the large variance, however few the steps, where the network has learnt none.
    AncestralLarge,
    /// DDIM's.
    Ddim,
    /// Euler's method.
    #[value(aliases = ["k_euler"])]
    Euler,
    /// Euler's method with noise drawn anew, as `ddim` with an eta of 1.
    #[value(aliases = ["euler_a", "euler a", "euler_ancestral", "k_euler_a", "k_euler_ancestral"])]
    EulerAncestral,
    /// Heun's method: two evaluations a step.
    #[value(aliases = ["k_heun"])]
    Heun,
    /// The midpoint method: two evaluations a step.
    #[value(aliases = ["dpm_2", "k_dpm_2", "kdpm2"])]
    Dpm2,
    /// The same with noise drawn anew, as `dpm2` with an eta of 1.
    #[value(aliases = ["dpm_2_a", "dpm2_a", "dpm2 a", "dpm_2_ancestral", "k_dpm_2_a", "k_dpm_2_ancestral", "kdpm2_a"])]
    Dpm2Ancestral,
    /// Linear multistep of order 4.
    #[value(aliases = ["k_lms"])]
    Lms,
    /// PNDM with PLMS's warm-up.
    Plms,
    /// PNDM with Runge-Kutta's warm-up.
    Pndm,
    /// Improved PNDM.
    Ipndm,
    /// DPM-Solver of order 2 by multistep.
    #[value(aliases = ["dpm-solver", "dpm_solver"])]
    Dpmsolver,
    /// DPM-Solver++ of order 2 by multistep.
    #[value(name = "dpmsolver++", aliases = ["dpm++", "dpmpp", "dpm++_2m", "dpm++ 2m", "dpmpp_2m", "k_dpmpp_2m", "dpm-solver++", "dpm_solver++"])]
    DpmsolverPlus,
    /// DPM-Solver++ of order 2 by single steps.
    #[value(name = "dpmsolver++-single", aliases = ["dpm++_2s", "dpm++ 2s", "dpmpp_2s"])]
    DpmsolverPlusSingle,
    /// DPM-Solver++ of order 2 by multistep with all noise drawn anew.
    #[value(name = "sde-dpmsolver++", aliases = ["dpm++_2m_sde", "dpm++ 2m sde", "dpmpp_2m_sde", "k_dpmpp_2m_sde"])]
    SdeDpmsolverPlus,
    /// DPM-Solver++ of two stages with all noise drawn anew.
    #[value(aliases = ["dpm++_sde", "dpm++ sde", "dpmpp_sde", "k_dpmpp_sde", "dpm_sde"])]
    DpmSde,
    /// DEIS of order 3.
    Deis,
    /// UniPC of order 2.
    #[value(aliases = ["uni_pc", "uni-pc"])]
    Unipc,
    /// For models distilled by LCM.
    Lcm,
    /// For models distilled by TCD.
    Tcd,
}

impl Sampler {
    /// The solver; `whole` says whether it walks the whole chain.
    pub fn solver(self, whole: bool) -> SolverConfig {
        let multistep = DpmMultistepConfig::default();
        match self {
            // The large variance is too large for long steps (Song et al. 2020, table 1).
            Self::Ancestral if whole => SolverConfig::Ancestral { variance: FixedVariance::Large },
            Self::Ancestral => SolverConfig::Ancestral { variance: FixedVariance::Small },
            Self::AncestralLarge => SolverConfig::Ancestral { variance: FixedVariance::Large },
            Self::Ddim => SolverConfig::Ddim { eta: 0.0 },
            Self::Euler => SolverConfig::Euler { churn: Churn::default() },
            Self::EulerAncestral => SolverConfig::Ddim { eta: 1.0 },
            Self::Heun => SolverConfig::Heun { churn: Churn::default() },
            Self::Dpm2 => SolverConfig::Midpoint { eta: 0.0 },
            Self::Dpm2Ancestral => SolverConfig::Midpoint { eta: 1.0 },
            Self::Lms => SolverConfig::Lms { order: 4 },
            Self::Plms => SolverConfig::Pndm { runge_kutta: false },
            Self::Pndm => SolverConfig::Pndm { runge_kutta: true },
            Self::Ipndm => SolverConfig::Ipndm,
            Self::Dpmsolver => {
                SolverConfig::DpmMultistep(DpmMultistepConfig { smooth: Smooth::Eps, ..multistep })
            }
            Self::DpmsolverPlus => SolverConfig::DpmMultistep(multistep),
            Self::DpmsolverPlusSingle => SolverConfig::DpmSinglestep(DpmSinglestepConfig::default()),
            Self::SdeDpmsolverPlus => {
                SolverConfig::DpmMultistep(DpmMultistepConfig { sde: true, ..multistep })
            }
            Self::DpmSde => SolverConfig::DpmSde,
            Self::Deis => SolverConfig::Deis { order: 3 },
            Self::Unipc => SolverConfig::Unipc(UniPcConfig::default()),
            Self::Lcm => SolverConfig::Lcm,
            Self::Tcd => SolverConfig::Tcd { eta: 0.3 },
        }
    }

    /// The options that it uses, by their names.
    pub fn options(self) -> &'static [&'static str] {
        options(&self.solver(false))
    }

    /// Whether a solver is of this name already, whatever its options.
    pub fn names(self, solver: &SolverConfig) -> bool {
        matches!(
            (self, solver),
            (Self::Ancestral, SolverConfig::Ancestral { .. }) | (Self::Ddim, SolverConfig::Ddim { .. })
        )
    }
}

impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// The options that a solver uses, by their names.
pub(crate) fn options(solver: &SolverConfig) -> &'static [&'static str] {
    match solver {
        SolverConfig::Ddim { .. } | SolverConfig::Midpoint { .. } | SolverConfig::Tcd { .. } => {
            &["spacing", "eta"]
        }
        _ => &["spacing"],
    }
}

/// The name of a solver on the command line, whatever its options.
pub(crate) fn name(solver: &SolverConfig) -> String {
    let same = |sampler: &&Sampler| mem::discriminant(&sampler.solver(false)) == mem::discriminant(solver);
    let like = exact(solver).or_else(|| Sampler::value_variants().iter().find(same));
    like.map_or_else(|| format!("{solver:?}").to_lowercase(), Sampler::to_string)
}

/// The name of a solver on the command line, or all its options where they are not the usual ones.
pub fn described(solver: &SolverConfig) -> String {
    exact(solver).map_or_else(|| format!("{solver:?}").to_lowercase(), Sampler::to_string)
}

fn exact(solver: &SolverConfig) -> Option<&'static Sampler> {
    Sampler::value_variants().iter().find(|sampler| sampler.solver(false) == *solver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_programs_are_known() {
        let named = |name: &str| <Sampler as ValueEnum>::from_str(name, true);
        assert_eq!(named("dpm++"), Ok(Sampler::DpmsolverPlus));
        assert_eq!(named("DPM++ 2M"), Ok(Sampler::DpmsolverPlus));
        assert_eq!(named("euler_a"), Ok(Sampler::EulerAncestral));
        assert_eq!(named("Euler a"), Ok(Sampler::EulerAncestral));
        assert!(named("eular").is_err());
    }

    #[test]
    fn solvers_are_called_as_on_the_command_line() {
        for sampler in Sampler::value_variants() {
            assert_eq!(name(&sampler.solver(false)), sampler.to_string());
        }
        assert_eq!(name(&SolverConfig::Ddim { eta: 0.3 }), "ddim");
        assert_eq!(options(&SolverConfig::Ipndm), ["spacing"]);
    }
}

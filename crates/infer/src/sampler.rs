use clap::ValueEnum;
use diffusion::{Churn, DpmMultistepConfig, DpmSinglestepConfig, Smooth, SolverConfig, UniPcConfig};
use schedules::FixedVariance;

/// A solver by name, with its usual options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sampler {
    /// DDPM's.
    Ancestral,
    /// The same with the large variance, however few the steps, where the network has learnt none.
    AncestralLarge,
    /// DDIM's.
    Ddim,
    /// Euler's method.
    Euler,
    /// Heun's method: two evaluations a step.
    Heun,
    /// The midpoint method: two evaluations a step.
    Dpm2,
    /// Linear multistep of order 4.
    Lms,
    /// PNDM with PLMS's warm-up.
    Plms,
    /// PNDM with Runge-Kutta's warm-up.
    Pndm,
    /// Improved PNDM.
    Ipndm,
    /// DPM-Solver of order 2 by multistep.
    Dpmsolver,
    /// DPM-Solver++ of order 2 by multistep.
    #[value(name = "dpmsolver++")]
    DpmsolverPlus,
    /// DPM-Solver++ of order 2 by single steps.
    #[value(name = "dpmsolver++-single")]
    DpmsolverPlusSingle,
    /// DPM-Solver++ of order 2 by multistep with all noise drawn anew.
    #[value(name = "sde-dpmsolver++")]
    SdeDpmsolverPlus,
    /// DPM-Solver++ of two stages with all noise drawn anew.
    DpmSde,
    /// DEIS of order 3.
    Deis,
    /// UniPC of order 2.
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
            Self::Heun => SolverConfig::Heun { churn: Churn::default() },
            Self::Dpm2 => SolverConfig::Midpoint { eta: 0.0 },
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

    /// Whether a solver is of this name already, whatever its options.
    pub fn names(self, solver: &SolverConfig) -> bool {
        matches!(
            (self, solver),
            (Self::Ancestral, SolverConfig::Ancestral { .. }) | (Self::Ddim, SolverConfig::Ddim { .. })
        )
    }
}

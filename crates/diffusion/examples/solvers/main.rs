//! `cargo xtask bench solvers`: the error of every deterministic solver against what it costs.

#![allow(clippy::print_stdout, reason = "a measurement for whoever runs it")]

mod mixture;
mod overhead;
mod picture;

use std::fmt::Write;
use std::fs;
use std::ops::ControlFlow;

use anyhow::Result;
use diffusion::{
    Churn, DpmMultistepConfig, DpmSinglestepConfig, Polynomial, Smooth, SolverConfig, Step, UniPcConfig,
    sample,
};
use mixture::Mixture;
use schedules::{Curve, FinalSigma, NoiseLevel, ScheduleConfig, Spacing};

/// Evaluations of the network at most.
const BUDGETS: [usize; 5] = [8, 16, 32, 64, 128];
/// Solutions of the ODE that are followed.
const VALUES: usize = 256;

const INTRODUCTION: &str = "# Solvers

What a solver makes of few evaluations of the network. The data are a mixture of three Gaussians on the line, for which the
denoiser and the solution of the probability-flow ODE are known; the chain is DDPM's, its levels are spaced as Karras et
al. 2022 have them, and the last step leads to the clean level. The error is the root of the mean square over
256 quantiles; the data's deviation is 0.7. The 6e-4 at which most end are the last step's.

The last column is what solver and loop cost beside the network, in microseconds a step of one 32x32 colour picture on the default
backend: the least of 21 walks on two cores of an AMD EPYC with AVX2, shared with other work. `cargo xtask bench solvers` writes this
page.

![error against evaluations](images/solvers.svg)

";

fn solvers() -> Vec<(&'static str, SolverConfig)> {
    let churn = Churn::default();
    let multistep = |order, smooth, polynomial| {
        SolverConfig::DpmMultistep(DpmMultistepConfig { order, smooth, polynomial, ..Default::default() })
    };
    let single = |order| SolverConfig::DpmSinglestep(DpmSinglestepConfig { order, ..Default::default() });
    let unipc = |order| SolverConfig::Unipc(UniPcConfig { order, ..Default::default() });
    vec![
        ("DDIM", SolverConfig::Ddim { eta: 0.0 }),
        ("Euler", SolverConfig::Euler { churn }),
        ("Heun", SolverConfig::Heun { churn }),
        ("midpoint (KDPM2)", SolverConfig::Midpoint { eta: 0.0 }),
        ("LMS, order 4", SolverConfig::Lms { order: 4 }),
        ("PLMS", SolverConfig::Pndm { runge_kutta: false }),
        ("PNDM", SolverConfig::Pndm { runge_kutta: true }),
        ("IPNDM", SolverConfig::Ipndm),
        ("DPM-Solver multistep, order 2", multistep(2, Smooth::Eps, Polynomial::Midpoint)),
        ("DPM-Solver++ multistep, order 2", multistep(2, Smooth::X0, Polynomial::Midpoint)),
        ("DPM-Solver++ multistep, order 3", multistep(3, Smooth::X0, Polynomial::Midpoint)),
        ("the same, exact curvature", multistep(3, Smooth::X0, Polynomial::Exact)),
        ("DPM-Solver++ singlestep, order 2", single(2)),
        ("DPM-Solver++ singlestep, order 3", single(3)),
        ("DEIS, order 3", SolverConfig::Deis { order: 3 }),
        ("UniPC, order 2", unipc(2)),
        ("UniPC, order 3", unipc(3)),
    ]
}

/// The same walk for every solver, with its solutions.
struct Course {
    curve: Curve,
    start: Vec<f64>,
    end: Vec<f64>,
}

impl Course {
    fn new() -> Result<Self> {
        let curve = ScheduleConfig::default().curve(1000)?;
        let noisiest = curve.noisiest();
        let quantiles = |level| Mixture::quantiles(level, VALUES);
        Ok(Self { start: quantiles(noisiest), end: quantiles(NoiseLevel::CLEAN), curve })
    }

    /// Evaluations and error of a walk.
    fn measure(&self, config: &SolverConfig, steps: usize) -> Result<(usize, f64)> {
        let levels = Spacing::Karras { rho: 7.0 }.levels(&self.curve, steps, FinalSigma::Zero)?;
        let denoiser = Mixture::default();
        let x = mixture::image(self.start.clone());
        let mut solver = config.init(&self.curve);
        let mut noise = || mixture::image(vec![0.0; VALUES]);
        let mut observer = |_: Step| ControlFlow::Continue(());
        let x = sample(&denoiser, solver.as_mut(), &levels, x, &mut noise, &mut observer)?;
        let error = (x - mixture::image(self.end.clone())).square().mean().into_scalar::<f64>().sqrt();
        Ok((denoiser.evaluations.get(), error))
    }

    /// The longest walk that a budget allows, of four steps at least.
    fn within(&self, config: &SolverConfig, budget: usize) -> Result<Option<(usize, f64)>> {
        let (cost, _) = self.measure(config, 4)?;
        let (longer, _) = self.measure(config, 5)?;
        let Some(spare) = budget.checked_sub(cost) else { return Ok(None) };
        self.measure(config, 4 + spare / (longer - cost)).map(Some)
    }
}

fn main() -> Result<()> {
    let mut page = INTRODUCTION.to_owned();
    let budgets: Vec<String> = BUDGETS.iter().map(usize::to_string).collect();
    writeln!(
        page,
        "| evaluations at most | {} | µs a step |\n|---|{}---|",
        budgets.join(" | "),
        "---|".repeat(BUDGETS.len())
    )?;
    let course = Course::new()?;
    let mut curves = Vec::new();
    for (name, config) in solvers() {
        let mut points = Vec::new();
        let mut row = format!("| {name} |");
        for budget in BUDGETS {
            match course.within(&config, budget)? {
                Some((cost, error)) => {
                    write!(row, " {error:.1e} |")?;
                    points.push((cost as f64, error));
                }
                None => row.push_str(" |"),
            }
        }
        write!(row, " {:.0} |", overhead::microseconds(&config, &course.curve)?)?;
        println!("{row}");
        writeln!(page, "{row}")?;
        curves.push((name, points));
    }
    picture::draw("docs/images/solvers.svg", &curves)?;
    fs::write("docs/solvers.md", page)?;
    println!("docs/solvers.md, docs/images/solvers.svg");
    Ok(())
}

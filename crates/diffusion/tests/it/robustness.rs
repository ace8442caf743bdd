//! Whatever a configuration asks for is refused or drawn: no panic, and no image that is not a number.

use std::ops::ControlFlow;
use std::panic::catch_unwind;

use diffusion::{
    Bh, Churn, DpmMultistepConfig, DpmSinglestepConfig, Polynomial, Smooth, SolverConfig, UniPcConfig, sample,
};
use schedules::{Curve, Edm, FinalSigma, FixedVariance, Flow, ScheduleConfig, Spacing};

use crate::exact::{DATA, chain, normal};

/// One of each kind with every order and variant.
fn solvers() -> Vec<SolverConfig> {
    let churn = Churn { amount: 5.0, ..Churn::default() };
    let mut all = vec![
        SolverConfig::Ancestral { variance: FixedVariance::Small },
        SolverConfig::Ancestral { variance: FixedVariance::Large },
        SolverConfig::Euler { churn },
        SolverConfig::Heun { churn },
        SolverConfig::Ipndm,
        SolverConfig::Pndm { runge_kutta: false },
        SolverConfig::Pndm { runge_kutta: true },
        SolverConfig::DpmSde,
        SolverConfig::Lcm,
    ];
    for eta in [0.0, 0.3, 1.0] {
        all.extend([SolverConfig::Ddim { eta }, SolverConfig::Midpoint { eta }, SolverConfig::Tcd { eta }]);
    }
    for order in 1..=4 {
        all.push(SolverConfig::Lms { order });
    }
    for order in 1..=3 {
        all.push(SolverConfig::Deis { order });
        for smooth in [Smooth::X0, Smooth::Eps] {
            for bh in [Bh::Bh1, Bh::Bh2] {
                all.push(SolverConfig::Unipc(UniPcConfig { order, smooth, bh, ..Default::default() }));
            }
            for (sde, lower_order_final) in [(false, true), (true, true), (false, false)] {
                for polynomial in [Polynomial::Midpoint, Polynomial::Exact] {
                    let multistep =
                        DpmMultistepConfig { order, smooth, polynomial, sde, ..Default::default() };
                    all.push(SolverConfig::DpmMultistep(DpmMultistepConfig {
                        lower_order_final,
                        ..multistep
                    }));
                    let single = DpmSinglestepConfig { order, smooth, polynomial, sde, lower_order_final };
                    all.push(SolverConfig::DpmSinglestep(single));
                }
            }
        }
    }
    all
}

fn curves() -> Vec<(&'static str, Curve)> {
    let built = |config: ScheduleConfig, length| config.curve(length).unwrap();
    let no_signal = chain().chain().unwrap().with_zero_terminal_snr();
    let betas = |betas: &[f64]| built(ScheduleConfig::Explicit { betas: betas.to_vec() }, betas.len());
    vec![
        ("linear", chain()),
        ("cosine", built(ScheduleConfig::Cosine { s: 0.008, max_beta: 0.999 }, 1000)),
        ("without terminal signal", Curve::Chain(no_signal)),
        ("dpm2015", built(ScheduleConfig::Dpm2015, 40)),
        ("two timesteps", betas(&[0.5, 0.9])),
        ("one timestep", betas(&[0.99])),
        ("edm", built(ScheduleConfig::Edm(Edm::default()), 1000)),
        ("flow", built(ScheduleConfig::Flow(Flow::default()), 1000)),
        ("shifted flow", built(ScheduleConfig::Flow(Flow { shift: 3.0, ..Flow::default() }), 1000)),
    ]
}

fn spacings() -> [Spacing; 9] {
    [
        Spacing::Leading { offset: 0 },
        Spacing::Leading { offset: 1 },
        Spacing::Trailing,
        Spacing::Linspace,
        Spacing::Quadratic,
        Spacing::Explicit { timesteps: vec![999, 998, 3] },
        Spacing::Karras { rho: 7.0 },
        Spacing::Exponential,
        Spacing::Beta,
    ]
}

/// The largest value that is drawn; none where the walk is refused.
///
/// A number it must be. Solvers that take the noise for smooth make large ones of a few steps from almost no signal.
fn drawn(
    solver: &SolverConfig,
    curve: &Curve,
    spacing: &Spacing,
    steps: usize,
    end: FinalSigma,
) -> Option<f64> {
    let levels = spacing.levels(curve, steps, end).ok()?;
    let mut draws = 0;
    let mut noise = || {
        draws += 1;
        normal([1, 1, 2, 2], "noise", draws)
    };
    let x = normal([1, 1, 2, 2], "start", 0) * curve.initial_deviation(levels[0]);
    let mut solver = solver.init(curve);
    let mut observer = |_: diffusion::Step| ControlFlow::Continue(());
    let x = sample(&DATA, solver.as_mut(), &levels, x, &mut noise, &mut observer).ok()?;
    let values = x.try_into_vec_as::<f64>().unwrap();
    // The largest of numbers forgets those that are none.
    Some(
        values
            .iter()
            .fold(0.0, |most: f64, value| if value.is_nan() { f64::NAN } else { most.max(value.abs()) }),
    )
}

#[test]
fn every_solver_draws_numbers_with_every_law_and_spacing() {
    let mut wrong = Vec::new();
    for (name, curve) in curves() {
        for spacing in spacings() {
            for (steps, end) in [(1, FinalSigma::Zero), (3, FinalSigma::SigmaMin), (7, FinalSigma::Zero)] {
                for solver in solvers() {
                    let most = catch_unwind(|| drawn(&solver, &curve, &spacing, steps, end));
                    let fits = matches!(most, Ok(None)) || matches!(most, Ok(Some(most)) if most.is_finite());
                    if !fits {
                        wrong
                            .push(format!("{name}, {spacing}, {steps} steps, {end:?}: {solver:?}: {most:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

/// Timesteps that quadratic spacing would visit again and again are visited once.
#[test]
fn levels_that_are_visited_twice_do_no_harm() {
    for solver in solvers() {
        let most = drawn(&solver, &chain(), &Spacing::Quadratic, 200, FinalSigma::Zero);
        assert!(most.is_none_or(|most| most < 10.0), "{solver:?}: {most:?}");
    }
}

#[test]
fn absurd_options_are_refused_or_do_no_harm() {
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e-300, 0.5, 1.0, 5.0, 1e300];
    let mut configs = Vec::new();
    for number in numbers {
        configs.extend([SolverConfig::Ddim { eta: number }, SolverConfig::Midpoint { eta: number }]);
        configs.push(SolverConfig::Tcd { eta: number });
        let plain = Churn { amount: 5.0, ..Churn::default() };
        for churn in [
            Churn { amount: number, ..plain },
            Churn { sigma_min: number, ..plain },
            Churn { sigma_max: number, ..plain },
            Churn { deviation: number, ..plain },
        ] {
            configs.extend([SolverConfig::Euler { churn }, SolverConfig::Heun { churn }]);
        }
    }
    for order in [0, 1, 5, usize::MAX] {
        configs.extend([SolverConfig::Lms { order }, SolverConfig::Deis { order }]);
        configs.push(SolverConfig::DpmMultistep(DpmMultistepConfig { order, ..Default::default() }));
        configs.push(SolverConfig::DpmSinglestep(DpmSinglestepConfig { order, ..Default::default() }));
        configs.push(SolverConfig::Unipc(UniPcConfig { order, ..Default::default() }));
    }
    for config in configs {
        if config.validate().is_err() {
            continue;
        }
        for curve in [chain(), ScheduleConfig::Edm(Edm::default()).curve(1).unwrap()] {
            let most = drawn(&config, &curve, &Spacing::Karras { rho: 7.0 }, 6, FinalSigma::Zero);
            assert!(most.is_none_or(|most| most < 1e4), "{config:?}: {most:?}");
        }
    }
}

#[test]
fn absurd_schedules_and_spacings_are_refused_or_draw_numbers() {
    let numbers = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e-300, 1e-12, 0.5, 1.0, 7.0, 99.0, 1e5, 1e300];
    let ddim = SolverConfig::Ddim { eta: 0.0 };
    for a in numbers {
        for b in numbers {
            let schedules = [
                ScheduleConfig::Linear { beta_start: a, beta_end: b, rescale: true },
                ScheduleConfig::ScaledLinear { beta_start: a, beta_end: b },
                ScheduleConfig::Cosine { s: a, max_beta: b },
                ScheduleConfig::Sigmoid { beta_start: a, beta_end: b },
                ScheduleConfig::Exponential { rate: a, max_beta: b },
                ScheduleConfig::LogSnr { beta_start: a, alpha_bar_end: b },
                ScheduleConfig::Edm(Edm { p_mean: a, p_std: b, ..Edm::default() }),
                ScheduleConfig::Edm(Edm { sigma_min: a, sigma_max: b, ..Edm::default() }),
                ScheduleConfig::Flow(Flow { shift: a, ..Flow::default() }),
            ];
            for schedule in schedules {
                let Ok(curve) = schedule.curve(20) else { continue };
                for spacing in [Spacing::Trailing, Spacing::Karras { rho: b }, Spacing::Beta] {
                    let most = drawn(&ddim, &curve, &spacing, 4, FinalSigma::Zero);
                    let fits = most.is_none_or(f64::is_finite);
                    assert!(fits, "{schedule:?}, {spacing}: {most:?}");
                }
            }
        }
    }
}

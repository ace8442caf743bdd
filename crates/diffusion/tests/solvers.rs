//! Solvers against what is known exactly: data whose denoiser and whose ODE have closed forms.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::ops::ControlFlow;

use burn::prelude::*;
use burn::tensor::DType;
use diffusion::{
    Bh, Churn, Denoiser, DiffusionError, DpmMultistepConfig, DpmSinglestepConfig, Polynomial, Prediction,
    Smooth, SolverConfig, UniPcConfig, sample,
};
use random::Seed;
use schedules::{FinalSigma, FixedVariance, NoiseLevel, Schedule, ScheduleConfig, Spacing};

/// The exact denoiser of data distributed as `N(mean, std^2)`: `E[x0 | x]` is linear in x.
#[derive(Clone, Copy)]
struct Gaussian {
    mean: f64,
    std: f64,
}

impl Denoiser for Gaussian {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        let gain = level.alpha * self.std.powi(2) / self.variance(level);
        let x0 = (x.clone() - level.alpha * self.mean) * gain + self.mean;
        Ok(Prediction::from_x0(x0, x, level))
    }
}

impl Gaussian {
    fn variance(self, level: NoiseLevel) -> f64 {
        (level.alpha * self.std).powi(2) + level.sigma.powi(2)
    }

    /// The probability-flow ODE keeps every value's distance from the mean in units of the marginal's deviation.
    fn exact(self, x: Tensor<4>, from: NoiseLevel, to: NoiseLevel) -> Tensor<4> {
        let factor = (self.variance(to) / self.variance(from)).sqrt();
        (x - from.alpha * self.mean) * factor + to.alpha * self.mean
    }
}

const DATA: Gaussian = Gaussian { mean: 0.3, std: 0.5 };

fn chain() -> Schedule {
    ScheduleConfig::default().build(1000).unwrap()
}

fn normal(shape: [usize; 4], purpose: &str, index: u64) -> Tensor<4> {
    let values = Seed(5).stream(purpose, index).normal(shape.iter().product());
    let values: Vec<f64> = values.into_iter().map(f64::from).collect();
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F64))
}

fn walk(config: &SolverConfig, levels: &[NoiseLevel], x: Tensor<4>) -> Tensor<4> {
    let mut draws = 0;
    let shape = x.dims();
    let mut noise = || {
        draws += 1;
        normal(shape, "noise", draws)
    };
    let mut solver = config.init(&chain());
    sample(&DATA, solver.as_mut(), levels, x, &mut noise, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn deviation(x: Tensor<4>) -> f64 {
    x.square().mean().into_scalar::<f64>().sqrt()
}

/// Four laws of noise as smooth functions of a time from 1 (noise) to 0, ends included that every solver can step to.
type Law = (&'static str, fn(f64) -> NoiseLevel);
const LAWS: [Law; 4] = [
    ("vp linear", |t| {
        let t = 0.1 + 0.7 * t;
        NoiseLevel::from_alpha_cumprod((-0.1 * t - 9.95 * t * t).exp())
    }),
    ("vp cosine", |t| {
        let angle = (0.05 + 0.85 * t) * std::f64::consts::FRAC_PI_2;
        NoiseLevel { alpha: angle.cos(), sigma: angle.sin() }
    }),
    ("edm", |t| NoiseLevel { alpha: 1.0, sigma: (0.3 + 1.5 * t).powi(3) }),
    ("flow", |t| NoiseLevel::flow(0.05 + 0.85 * t)),
];

/// Log errors of walks of `steps` and four times as many: their slope.
fn order_of(config: &SolverConfig, law: Law, steps: usize) -> f64 {
    let error = |steps: usize| {
        // The first steps are short, so that the low orders which a memory begins with do not show.
        let time = |i: usize| 1.0 - (i as f64 / steps as f64).powi(2);
        let levels: Vec<_> = (0..=steps).map(|i| (law.1)(time(i))).collect();
        let x = normal([1, 1, 4, 4], "start", 0);
        let exact = DATA.exact(x.clone(), levels[0], levels[steps]);
        deviation(walk(config, &levels, x) - exact)
    };
    (error(steps) / error(4 * steps)).log2() / 2.0
}

fn multistep(order: usize, smooth: Smooth, polynomial: Polynomial) -> SolverConfig {
    let lower_order_final = false;
    SolverConfig::DpmMultistep(DpmMultistepConfig {
        order,
        smooth,
        polynomial,
        lower_order_final,
        ..Default::default()
    })
}

fn singlestep(order: usize, polynomial: Polynomial) -> SolverConfig {
    let lower_order_final = false;
    SolverConfig::DpmSinglestep(DpmSinglestepConfig {
        order,
        polynomial,
        lower_order_final,
        ..Default::default()
    })
}

fn unipc(order: usize, bh: Bh) -> SolverConfig {
    SolverConfig::Unipc(UniPcConfig { order, bh, lower_order_final: false, ..Default::default() })
}

#[test]
fn every_solver_has_its_order() {
    let none = Churn::default();
    let cases = [
        (SolverConfig::Ddim { eta: 0.0 }, 1.0),
        (SolverConfig::Euler { churn: none }, 1.0),
        (multistep(1, Smooth::X0, Polynomial::Midpoint), 1.0),
        (SolverConfig::Heun { churn: none }, 2.0),
        (SolverConfig::Midpoint { eta: 0.0 }, 2.0),
        (SolverConfig::Lms { order: 2 }, 2.0),
        (multistep(2, Smooth::X0, Polynomial::Midpoint), 2.0),
        (multistep(2, Smooth::X0, Polynomial::Heun), 2.0),
        (multistep(2, Smooth::Eps, Polynomial::Midpoint), 2.0),
        (SolverConfig::Deis { order: 2 }, 2.0),
        (singlestep(2, Polynomial::Midpoint), 2.0),
        (singlestep(3, Polynomial::Heun), 3.0),
        (multistep(3, Smooth::X0, Polynomial::Exact), 3.0),
        (unipc(2, Bh::Bh2), 2.0),
        (unipc(3, Bh::Bh1), 3.0),
        (SolverConfig::Lms { order: 3 }, 3.0),
        // The published third order halves the curvature's weight, and is of second order, slowly.
        (multistep(3, Smooth::X0, Polynomial::Midpoint), 1.75),
        (singlestep(3, Polynomial::Midpoint), 3.0),
        (SolverConfig::Ipndm, 2.0),
        (SolverConfig::Pndm { runge_kutta: true }, 2.0),
        (SolverConfig::Pndm { runge_kutta: false }, 2.0),
    ];
    let mut wrong = Vec::new();
    for (config, claimed) in cases {
        for law in LAWS {
            let order = order_of(&config, law, 150);
            if order < claimed - 0.25 {
                wrong.push(format!("{} {config:?}: order {order:.2}, not {claimed}", law.0));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// DEIS interpolates in the ratio of noise, whose changes from step to step die out late.
#[test]
fn deis_has_its_third_order_in_the_end() {
    for law in LAWS {
        let order = order_of(&SolverConfig::Deis { order: 3 }, law, 600);
        assert!((2.7..3.2).contains(&order), "{}: order {order:.2}", law.0);
    }
}

/// One formula is both, to rounding, over the full chain.
#[test]
fn ddim_with_eta_one_is_ancestral_with_the_small_variance() {
    let levels = Spacing::Trailing.levels(&chain(), 1000, FinalSigma::Zero).unwrap();
    let x = normal([1, 1, 4, 4], "start", 0);
    let ancestral = SolverConfig::Ancestral { variance: FixedVariance::Small };
    let ancestral = walk(&ancestral, &levels, x.clone());
    let ddim = walk(&SolverConfig::Ddim { eta: 1.0 }, &levels, x);
    assert!(deviation(ddim - ancestral) < 1e-9);
}

#[test]
fn the_first_order_of_dpm_solver_is_ddim() {
    let levels = Spacing::Trailing.levels(&chain(), 20, FinalSigma::Zero).unwrap();
    let x = normal([1, 1, 4, 4], "start", 0);
    let ddim = walk(&SolverConfig::Ddim { eta: 0.0 }, &levels, x.clone());
    for smooth in [Smooth::X0, Smooth::Eps] {
        let dpm = walk(&multistep(1, smooth, Polynomial::Midpoint), &levels, x.clone());
        assert!(deviation(dpm - ddim.clone()) < 1e-9, "{smooth:?}");
    }
}

#[test]
fn ddim_upwards_inverts_ddim_downwards() {
    let mut levels = Spacing::Trailing.levels(&chain(), 1000, FinalSigma::Zero).unwrap();
    levels.pop();
    let x = normal([1, 1, 4, 4], "start", 0);
    let down = walk(&SolverConfig::Ddim { eta: 0.0 }, &levels, x.clone());
    levels.reverse();
    let back = walk(&SolverConfig::Ddim { eta: 0.0 }, &levels, down);
    assert!(deviation(back - x) < 0.02);
}

#[test]
fn stochastic_solvers_recover_the_data_distribution() {
    let levels = Spacing::Trailing.levels(&chain(), 250, FinalSigma::Zero).unwrap();
    for config in [
        SolverConfig::Ancestral { variance: FixedVariance::Small },
        SolverConfig::Ddim { eta: 0.5 },
        SolverConfig::Midpoint { eta: 1.0 },
        SolverConfig::DpmSde,
        SolverConfig::DpmMultistep(DpmMultistepConfig { sde: true, ..Default::default() }),
        SolverConfig::DpmMultistep(DpmMultistepConfig {
            sde: true,
            smooth: Smooth::Eps,
            ..Default::default()
        }),
        SolverConfig::Heun { churn: Churn { amount: 20.0, ..Default::default() } },
    ] {
        let x = walk(&config, &levels, normal([4, 1, 64, 64], "start", 0));
        let mean = x.clone().mean().into_scalar::<f64>();
        let std = deviation(x - mean);
        // Five standard errors of 16,384 values, and the walk's own discretisation.
        assert!((mean - 0.3).abs() < 0.03, "{config:?}: mean {mean}");
        assert!((std - 0.5).abs() < 0.03, "{config:?}: deviation {std}");
    }
}

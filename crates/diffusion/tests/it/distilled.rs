//! Solvers for distilled models, with models that are distilled exactly.

use burn::prelude::*;
use diffusion::{Consistency, Denoiser, DiffusionError, Prediction, SolverConfig, Tcd};
use schedules::{FinalSigma, NoiseLevel, Spacing};

use crate::exact::{DATA, Gaussian, LAWS, chain, descent, normal, root_mean_square, walk};

/// Answers with the end of the probability-flow ODE's solution: a consistency function (Song et al. 2023, definition 1).
struct EndOfTheFlow;

impl Denoiser for EndOfTheFlow {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        Ok(Prediction::from_x0(DATA.exact(x.clone(), level, NoiseLevel::CLEAN), x, level))
    }
}

fn moments(x: Tensor<4>) -> (f64, f64) {
    let mean = x.clone().mean().into_scalar::<f64>();
    (mean, root_mean_square(x - mean))
}

#[test]
fn a_consistency_function_needs_one_step() {
    for law in LAWS {
        for t in [1.0, 0.4] {
            let (from, x) = ((law.1)(t), normal([1, 1, 4, 4], "start", 0));
            let reached = walk(&EndOfTheFlow, &mut Consistency, &[from, NoiseLevel::CLEAN], x.clone());
            let exact = DATA.exact(x, from, NoiseLevel::CLEAN);
            assert!(root_mean_square(reached - exact) < 1e-12, "{}", law.0);
        }
    }
}

/// Each step begins at images of the level's own distribution, however many there are.
#[test]
fn more_steps_of_a_consistency_function_keep_the_distribution() {
    for law in LAWS {
        for steps in [1, 2, 5] {
            let mut levels = descent(law, steps);
            levels[steps] = NoiseLevel::CLEAN;
            let start = normal([4, 1, 64, 64], "start", 0) * DATA.variance(levels[0]).sqrt();
            let x = walk(&EndOfTheFlow, &mut Consistency, &levels, start + levels[0].alpha * DATA.mean);
            let (mean, std) = moments(x);
            // Five standard errors of 16,384 values.
            assert!((mean - 0.3).abs() < 0.02, "{} {steps} steps: mean {mean}", law.0);
            assert!((std - 0.5).abs() < 0.014, "{} {steps} steps: deviation {std}", law.0);
        }
    }
}

/// Of data in one point every jump along the ODE is exact, so that TCD keeps every level's distribution, however much of
/// its noise is drawn anew (Zheng et al. 2024, section 4.2).
#[test]
fn tcd_keeps_the_distribution_of_exact_jumps() {
    let point = Gaussian { std: 0.0, ..DATA };
    for law in LAWS {
        for gamma in [0.0, 0.3, 1.0] {
            // What is kept of a level's noise before new noise is added.
            let landing = move |to: NoiseLevel| NoiseLevel { sigma: to.sigma * (1.0 - gamma), ..to };
            let levels = descent(law, 5);
            let start = normal([4, 1, 64, 64], "start", 0) * levels[0].sigma;
            let mut solver = Tcd { landing: Box::new(landing) };
            let x = walk(&point, &mut solver, &levels, start + levels[0].alpha * DATA.mean);
            let (mean, std) = moments(x);
            let end = levels[5];
            let close = |ours: f64, exact: f64| (ours - exact).abs() < 0.04 * end.sigma;
            assert!(close(mean, end.alpha * 0.3), "{} gamma {gamma}: mean {mean}", law.0);
            assert!(close(std, end.sigma), "{} gamma {gamma}: deviation {std}", law.0);
        }
    }
}

#[test]
fn tcd_without_noise_is_ddim_on_the_chain() {
    let levels = Spacing::Trailing.levels(&chain(), 8, FinalSigma::Zero).unwrap();
    let x = normal([1, 1, 4, 4], "start", 0);
    let drawn = |config: SolverConfig| walk(&DATA, config.init(&chain()).as_mut(), &levels, x.clone());
    let tcd = drawn(SolverConfig::Tcd { eta: 0.0 });
    assert!(root_mean_square(tcd - drawn(SolverConfig::Ddim { eta: 0.0 })) < 1e-9);
}

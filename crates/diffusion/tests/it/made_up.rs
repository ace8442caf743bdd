//! A solver and a schedule that no crate knows: what a reader writes to try one.

use burn::prelude::*;
use diffusion::{Denoiser, DiffusionError, SamplerConfig, Solver, SolverConfig, Stage};
use schedules::{NoiseLevel, ScheduleConfig, Spacing};

use crate::exact::{DATA, LAWS, normal, root_mean_square, walk};
use crate::orders::order_of;

/// Ralston's method: a second evaluation two thirds of the way, which counts three quarters (Ralston 1962).
struct Ralston;

impl Solver for Ralston {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        _noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let Stage { from, to, .. } = stage;
        let (alpha, sigma) = (to.alpha - from.alpha, to.sigma - from.sigma);
        // The probability-flow ODE is dx = x0 dalpha + eps dsigma.
        let along = |x0: Tensor<4>, eps: Tensor<4>, share: f64| {
            x.clone() + x0 * (share * alpha) + eps * (share * sigma)
        };
        let share = 2.0 / 3.0;
        let there = NoiseLevel { alpha: from.alpha + share * alpha, sigma: from.sigma + share * sigma };
        let first = denoiser.denoise(x.clone(), from)?;
        let second = denoiser.denoise(along(first.x0.clone(), first.eps.clone(), share), there)?;
        let x0 = first.x0 * 0.25 + second.x0 * 0.75;
        let eps = first.eps * 0.25 + second.eps * 0.75;
        Ok((along(x0.clone(), eps, 1.0), x0))
    }
}

#[test]
fn a_made_up_solver_has_its_order_on_every_law() {
    for law in LAWS {
        let order = order_of(&|| Box::new(Ralston), law, 150);
        assert!((1.75..2.5).contains(&order), "{}: order {order:.2}", law.0);
    }
}

/// `alpha_bar = 1 - (t / T)^2`, but for a little signal at the end.
fn parabola(length: usize) -> ScheduleConfig {
    let alpha_bar = |t: usize| 1.0 - 0.999 * (t as f64 / length as f64).powi(2);
    ScheduleConfig::Explicit { betas: (0..length).map(|t| 1.0 - alpha_bar(t + 1) / alpha_bar(t)).collect() }
}

#[test]
fn a_made_up_schedule_is_sampled_by_any_solver() {
    let curve = parabola(1000).curve(1000).unwrap();
    assert!((curve.level(499.0).alpha.powi(2) - (1.0 - 0.999 / 4.0)).abs() < 1e-9);
    let solver = SolverConfig::Unipc(Default::default());
    let sampler = SamplerConfig { solver, spacing: Spacing::Trailing, steps: 100, ..Default::default() };
    let levels = sampler.levels(&curve).unwrap();
    let x = normal([1, 1, 4, 4], "start", 0);
    let exact = DATA.exact(x.clone(), levels[0], NoiseLevel::CLEAN);
    let ours = walk(&DATA, sampler.solver.init(&curve).as_mut(), &levels, x);
    assert!(root_mean_square(ours - exact) < 1e-2);
}

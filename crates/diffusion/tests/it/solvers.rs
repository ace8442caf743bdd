//! What two solvers have in common, and the distribution that stochastic ones reach.

use diffusion::{Churn, DpmMultistepConfig, Polynomial, Smooth, SolverConfig};
use schedules::{FinalSigma, FixedVariance, NoiseLevel, Spacing};

use crate::exact::{self, DATA, chain, normal, root_mean_square};

fn walk(config: &SolverConfig, levels: &[NoiseLevel], x: burn::Tensor<4>) -> burn::Tensor<4> {
    exact::walk(&DATA, config.init(&chain()).as_mut(), levels, x)
}

/// One formula is both, to rounding, over the full chain.
#[test]
fn ddim_with_eta_one_is_ancestral_with_the_small_variance() {
    let levels = Spacing::Trailing.levels(&chain(), 1000, FinalSigma::Zero).unwrap();
    let x = normal([1, 1, 4, 4], "start", 0);
    let ancestral = SolverConfig::Ancestral { variance: FixedVariance::Small };
    let ancestral = walk(&ancestral, &levels, x.clone());
    let ddim = walk(&SolverConfig::Ddim { eta: 1.0 }, &levels, x);
    assert!(root_mean_square(ddim - ancestral) < 1e-9);
}

#[test]
fn the_first_order_of_dpm_solver_is_ddim() {
    let levels = Spacing::Trailing.levels(&chain(), 20, FinalSigma::Zero).unwrap();
    let x = normal([1, 1, 4, 4], "start", 0);
    let ddim = walk(&SolverConfig::Ddim { eta: 0.0 }, &levels, x.clone());
    for smooth in [Smooth::X0, Smooth::Eps] {
        let config = DpmMultistepConfig { order: 1, smooth, ..Default::default() };
        assert_eq!(config.polynomial, Polynomial::Midpoint);
        let dpm = walk(&SolverConfig::DpmMultistep(config), &levels, x.clone());
        assert!(root_mean_square(dpm - ddim.clone()) < 1e-9, "{smooth:?}");
    }
}

/// PLMS has nothing to warm up for.
#[test]
fn a_single_step_of_pndm_is_ddim() {
    let levels = [900.0, 100.0].map(|timestep| chain().level(timestep));
    let x = normal([1, 1, 4, 4], "start", 0);
    let [ddim, pndm] = [SolverConfig::Ddim { eta: 0.0 }, SolverConfig::Pndm { runge_kutta: false }];
    assert!(root_mean_square(walk(&ddim, &levels, x.clone()) - walk(&pndm, &levels, x)) < 1e-9);
}

#[test]
fn ddim_upwards_inverts_ddim_downwards() {
    let mut levels = Spacing::Trailing.levels(&chain(), 1000, FinalSigma::Zero).unwrap();
    levels.pop();
    let x = normal([1, 1, 4, 4], "start", 0);
    let down = walk(&SolverConfig::Ddim { eta: 0.0 }, &levels, x.clone());
    levels.reverse();
    let back = walk(&SolverConfig::Ddim { eta: 0.0 }, &levels, down);
    assert!(root_mean_square(back - x) < 0.02);
}

#[test]
fn stochastic_solvers_recover_the_data_distribution() {
    let levels = Spacing::Trailing.levels(&chain(), 250, FinalSigma::Zero).unwrap();
    let sde = DpmMultistepConfig { sde: true, ..Default::default() };
    for config in [
        SolverConfig::Ancestral { variance: FixedVariance::Small },
        SolverConfig::Ddim { eta: 0.5 },
        SolverConfig::Midpoint { eta: 1.0 },
        SolverConfig::DpmSde,
        SolverConfig::DpmMultistep(sde),
        SolverConfig::DpmMultistep(DpmMultistepConfig { smooth: Smooth::Eps, ..sde }),
        SolverConfig::Heun { churn: Churn { amount: 20.0, ..Default::default() } },
    ] {
        let x = walk(&config, &levels, normal([4, 1, 64, 64], "start", 0));
        let mean = x.clone().mean().into_scalar::<f64>();
        let std = root_mean_square(x - mean);
        // Five standard errors of 16,384 values, and the walk's own discretisation.
        assert!((mean - 0.3).abs() < 0.03, "{config:?}: mean {mean}");
        assert!((std - 0.5).abs() < 0.03, "{config:?}: deviation {std}");
    }
}

//! Orders of convergence of stochastic solvers to the distribution of the data, without any chance.
//!
//! With the exact denoiser of Gaussian data a walk is an affine function of its start and of every noise that it draws. One
//! walk of a batch finds all coefficients: an image without noise, one with a start of 1, and one for each draw with a
//! noise of 1 there. From these follow mean and variance of what is reached, to rounding.

use std::ops::ControlFlow;

use diffusion::{Churn, DpmMultistepConfig, DpmSinglestepConfig, Polynomial, Smooth, SolverConfig, sample};
use schedules::FixedVariance;

use crate::exact::{DATA, LAWS, Law, chain, descent, slope, tensor};

/// How far mean and deviation at the end of a walk of `steps` steps, two draws each at most, are from the exact ones.
fn error(config: &SolverConfig, law: Law, steps: usize) -> f64 {
    let levels = descent(law, steps);
    let (from, to) = (levels[0], levels[steps]);
    let images = 2 + 2 * steps;
    let unit = |image: usize| {
        let one = |other| f64::from(u8::from(other == image));
        tensor((0..images).map(one).collect(), [images, 1, 1, 1])
    };
    let mut draws = 0;
    let mut noise = || {
        draws += 1;
        unit(1 + draws)
    };
    let mut solver = config.init(&chain());
    let mut observer = |_: diffusion::Step| ControlFlow::Continue(());
    let x = sample(&DATA, solver.as_mut(), &levels, unit(1), &mut noise, &mut observer).unwrap();
    assert!(draws > 0, "{config:?} drew no noise");
    let reached: Vec<f64> = x.try_into_vec_as::<f64>().unwrap();
    let coefficient = |image: usize| reached[image] - reached[0];
    let mean = reached[0] + coefficient(1) * from.alpha * DATA.mean;
    let drawn: f64 = (2..images).map(|image| coefficient(image).powi(2)).sum();
    let variance = coefficient(1).powi(2) * DATA.variance(from) + drawn;
    let deviation = variance.sqrt() - DATA.variance(to).sqrt();
    deviation.hypot(mean - to.alpha * DATA.mean)
}

#[test]
fn stochastic_solvers_have_their_weak_orders() {
    let multistep = |order, smooth, polynomial| {
        let sde = DpmMultistepConfig { sde: true, lower_order_final: false, ..Default::default() };
        SolverConfig::DpmMultistep(DpmMultistepConfig { order, smooth, polynomial, ..sde })
    };
    let singlestep = |order| {
        let sde = DpmSinglestepConfig { sde: true, lower_order_final: false, ..Default::default() };
        SolverConfig::DpmSinglestep(DpmSinglestepConfig { order, ..sde })
    };
    let churn = Churn { amount: 10.0, ..Default::default() };
    let cases = [
        (SolverConfig::Ancestral { variance: FixedVariance::Small }, 1.0),
        (SolverConfig::Ancestral { variance: FixedVariance::Large }, 1.0),
        (SolverConfig::Ddim { eta: 0.5 }, 1.0),
        (SolverConfig::Ddim { eta: 1.0 }, 1.0),
        (SolverConfig::Euler { churn }, 1.0),
        (SolverConfig::Heun { churn }, 2.0),
        (SolverConfig::Midpoint { eta: 1.0 }, 1.0),
        (SolverConfig::DpmSde, 1.0),
        (multistep(1, Smooth::X0, Polynomial::Midpoint), 1.0),
        (multistep(1, Smooth::Eps, Polynomial::Midpoint), 1.0),
        (multistep(2, Smooth::X0, Polynomial::Midpoint), 2.0),
        (multistep(2, Smooth::Eps, Polynomial::Midpoint), 2.0),
        (singlestep(2), 1.0),
        (singlestep(3), 1.0),
    ];
    let mut wrong = Vec::new();
    for (config, claimed) in cases {
        for law in LAWS {
            let order = slope(error(&config, law, 150), error(&config, law, 600));
            println!("{} {config:?} {order:.2} {claimed}", law.0);
            if order < claimed - 0.25 {
                wrong.push(format!("{} {config:?}: order {order:.2}, not {claimed}", law.0));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

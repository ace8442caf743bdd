//! Orders of convergence to the solution of the probability-flow ODE, which Gaussian data have in closed form.

use diffusion::{
    Bh, Churn, DpmMultistepConfig, DpmSinglestepConfig, Polynomial, Smooth, Solver, SolverConfig, Tcd,
    UniPcConfig,
};

use crate::exact::{DATA, LAWS, Law, chain, descent, normal, root_mean_square, slope, walk};

/// The slope of the logarithm of the error over that of the steps, from `steps` to four times as many.
pub fn order_of(solver: &dyn Fn() -> Box<dyn Solver>, law: Law, steps: usize) -> f64 {
    let error = |steps: usize| {
        let levels = descent(law, steps);
        let x = normal([1, 1, 4, 4], "start", 0);
        let exact = DATA.exact(x.clone(), levels[0], levels[steps]);
        root_mean_square(walk(&DATA, solver().as_mut(), &levels, x) - exact)
    };
    slope(error(steps), error(4 * steps))
}

fn order(config: &SolverConfig, law: Law, steps: usize) -> f64 {
    order_of(&|| config.init(&chain()), law, steps)
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

fn unipc(order: usize, bh: Bh, uncorrected: Vec<usize>) -> SolverConfig {
    SolverConfig::Unipc(UniPcConfig {
        order,
        bh,
        lower_order_final: false,
        uncorrected,
        ..Default::default()
    })
}

#[test]
fn every_solver_has_its_order() {
    let none = Churn::default();
    let never = (0..1000).collect::<Vec<_>>();
    let cases = [
        (SolverConfig::Ddim { eta: 0.0 }, 1.0),
        (SolverConfig::Euler { churn: none }, 1.0),
        (multistep(1, Smooth::X0, Polynomial::Midpoint), 1.0),
        (SolverConfig::Lms { order: 1 }, 1.0),
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
        // The corrector adds an order to the predictor's (Zhao et al. 2023, corollary 3.2).
        (unipc(1, Bh::Bh1, never.clone()), 1.0),
        (unipc(1, Bh::Bh2, never.clone()), 1.0),
        (unipc(1, Bh::Bh1, Vec::new()), 2.0),
        (unipc(1, Bh::Bh2, Vec::new()), 2.0),
        (unipc(2, Bh::Bh1, never.clone()), 2.0),
        (unipc(2, Bh::Bh2, never), 2.0),
        (unipc(2, Bh::Bh2, Vec::new()), 3.0),
        (unipc(3, Bh::Bh1, Vec::new()), 3.0),
        (SolverConfig::Lms { order: 3 }, 3.0),
        (SolverConfig::Lms { order: 4 }, 4.0),
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
            let order = order(&config, law, 150);
            println!("{} {config:?} {order:.2} {claimed}", law.0);
            if order < claimed - 0.25 {
                wrong.push(format!("{} {config:?}: order {order:.2}, not {claimed}", law.0));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Without noise drawn anew a jump of TCD lands where it is to be, and is DDIM's step.
#[test]
fn tcd_without_noise_is_of_first_order() {
    for law in LAWS {
        let order = order_of(&|| Box::new(Tcd { landing: Box::new(|to| to) }), law, 150);
        assert!((0.9..1.1).contains(&order), "{}: order {order:.2}", law.0);
    }
}

/// DEIS interpolates in the ratio of noise, whose changes from step to step die out late.
#[test]
fn deis_has_its_third_order_in_the_end() {
    for law in LAWS {
        let order = order(&SolverConfig::Deis { order: 3 }, law, 600);
        assert!((2.7..3.2).contains(&order), "{}: order {order:.2}", law.0);
    }
}

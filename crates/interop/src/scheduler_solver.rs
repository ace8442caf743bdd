//! The solver of each class.

use diffusion::{
    Ancestral, Bh, Churn, Consistency, Ddim, DpmMultistep, DpmMultistepConfig, DpmSde, DpmSinglestep,
    DpmSinglestepConfig, Euler, Heun, Ipndm, Lms, Midpoint, Pndm, Polynomial, Smooth, Solver, Tcd, UniPc,
    UniPcConfig, WarmUp,
};
use schedules::{FixedVariance, Grid};

use crate::scheduler::Call;
use crate::scheduler_options::{Options, Unsupported};

pub(crate) fn solver(
    class: &str,
    options: &Options,
    call: &Call,
    grid: &Grid,
) -> Result<Box<dyn Solver>, Unsupported> {
    Ok(match class {
        "DDPMScheduler" => Box::new(Ancestral { variance: fixed_variance(options)? }),
        "DDIMScheduler" => Box::new(Ddim { eta: call.eta.unwrap_or(0.0) }),
        "DDIMInverseScheduler" => Box::new(Ddim { eta: 0.0 }),
        "EulerDiscreteScheduler" | "EDMEulerScheduler" => Box::new(Euler { churn: churn(call) }),
        "EulerAncestralDiscreteScheduler" => Box::new(Ddim { eta: 1.0 }),
        "FlowMatchEulerDiscreteScheduler" if options.get("stochastic_sampling", false)? => {
            Box::new(Consistency)
        }
        "FlowMatchEulerDiscreteScheduler" => Box::new(Ddim { eta: 0.0 }),
        "HeunDiscreteScheduler" | "FlowMatchHeunDiscreteScheduler" => Box::new(Heun { churn: churn(call) }),
        "KDPM2DiscreteScheduler" => Box::new(Midpoint { eta: 0.0 }),
        "KDPM2AncestralDiscreteScheduler" => Box::new(Midpoint { eta: 1.0 }),
        "LMSDiscreteScheduler" if grid.levels().windows(2).any(|pair| pair[0] == pair[1]) => {
            return Err(Unsupported(format!("{} steps, of which some have one level,", grid.visits().len())));
        }
        "LMSDiscreteScheduler" => Box::new(Lms::new(lms_order(call)?)),
        "DPMSolverSDEScheduler" => Box::new(DpmSde { deviation: call.s_noise.unwrap_or(1.0) }),
        "LCMScheduler" | "FlowMatchLCMScheduler" => Box::new(Consistency),
        "IPNDMScheduler" => Box::new(Ipndm::default()),
        "PNDMScheduler" => {
            let skips = options.get("skip_prk_steps", false)?;
            Box::new(Pndm::new(if skips { WarmUp::Euler } else { WarmUp::on_curve(grid.curve()) }))
        }
        "TCDScheduler" => Box::new(Tcd::on_curve(grid.curve(), call.eta.unwrap_or(0.3))),
        "DEISMultistepScheduler" => Box::new(DpmMultistep::new(deis(options)?)),
        "DPMSolverMultistepScheduler"
        | "EDMDPMSolverMultistepScheduler"
        | "DPMSolverMultistepInverseScheduler" => Box::new(DpmMultistep::new(multistep(options)?)),
        "DPMSolverSinglestepScheduler" => Box::new(DpmSinglestep::new(singlestep(options, grid)?)),
        "UniPCMultistepScheduler" => Box::new(UniPc::new(unipc(options)?)),
        _ => return Err(Unsupported(format!("there is no counterpart of {class}"))),
    })
}

fn lms_order(call: &Call) -> Result<usize, Unsupported> {
    match call.order.unwrap_or(4) {
        order @ 1..=4 => Ok(order),
        order => Err(Unsupported(format!("order = {order}"))),
    }
}

fn fixed_variance(options: &Options) -> Result<FixedVariance, Unsupported> {
    match options.get("variance_type", "fixed_small".to_owned())?.as_str() {
        "fixed_large" => Ok(FixedVariance::Large),
        "fixed_small" | "fixed_small_log" | "learned" | "learned_range" => Ok(FixedVariance::Small),
        other => Err(Unsupported(format!("variance_type = {other}"))),
    }
}

fn churn(call: &Call) -> Churn {
    let default = Churn::default();
    Churn {
        amount: call.s_churn.unwrap_or(default.amount),
        sigma_min: call.s_tmin.unwrap_or(default.sigma_min),
        sigma_max: call.s_tmax.unwrap_or(default.sigma_max),
        deviation: call.s_noise.unwrap_or(default.deviation),
    }
}

/// `algorithm_type` as what is smooth and whether noise is drawn.
fn algorithm(options: &Options) -> Result<(Smooth, bool), Unsupported> {
    match options.get("algorithm_type", "dpmsolver++".to_owned())?.as_str() {
        // The library takes DEIS for DPM-Solver++ here.
        "dpmsolver++" | "deis" => Ok((Smooth::X0, false)),
        "sde-dpmsolver++" => Ok((Smooth::X0, true)),
        "dpmsolver" => Ok((Smooth::Eps, false)),
        "sde-dpmsolver" => Ok((Smooth::Eps, true)),
        other => Err(Unsupported(format!("algorithm_type = {other}"))),
    }
}

fn polynomial(options: &Options) -> Result<Polynomial, Unsupported> {
    match options.get("solver_type", "midpoint".to_owned())?.as_str() {
        "midpoint" | "logrho" | "bh1" | "bh2" => Ok(Polynomial::Midpoint),
        "heun" => Ok(Polynomial::Heun),
        other => Err(Unsupported(format!("solver_type = {other}"))),
    }
}

fn order(options: &Options) -> Result<usize, Unsupported> {
    match options.get("solver_order", 2)? {
        order @ 1..=3 => Ok(order),
        order => Err(Unsupported(format!("solver_order = {order}"))),
    }
}

fn multistep(options: &Options) -> Result<DpmMultistepConfig, Unsupported> {
    let (smooth, sde) = algorithm(options)?;
    Ok(DpmMultistepConfig {
        order: order(options)?,
        smooth,
        polynomial: polynomial(options)?,
        sde,
        lower_order_final: options.get("lower_order_final", true)?,
        euler_at_final: options.get("euler_at_final", false)?,
    })
}

fn deis(options: &Options) -> Result<DpmMultistepConfig, Unsupported> {
    options.ignore(&["algorithm_type", "solver_type"]);
    Ok(DpmMultistepConfig {
        lower_order_final: options.get("lower_order_final", true)?,
        ..DpmMultistepConfig::deis(order(options)?)
    })
}

fn singlestep(options: &Options, grid: &Grid) -> Result<DpmSinglestepConfig, Unsupported> {
    let (smooth, sde) = algorithm(options)?;
    let order = order(options)?;
    let whole_blocks = grid.visits().len().is_multiple_of(order);
    let to_zero = options.get("final_sigmas_type", "zero".to_owned())? == "zero";
    let lower_order_final = options.get("lower_order_final", true)? || !whole_blocks || to_zero;
    Ok(DpmSinglestepConfig { order, smooth, polynomial: polynomial(options)?, sde, lower_order_final })
}

fn unipc(options: &Options) -> Result<UniPcConfig, Unsupported> {
    let bh = match options.get("solver_type", "bh2".to_owned())?.as_str() {
        "bh1" => Bh::Bh1,
        _ => Bh::Bh2,
    };
    Ok(UniPcConfig {
        order: order(options)?,
        smooth: if options.get("predict_x0", true)? { Smooth::X0 } else { Smooth::Eps },
        bh,
        lower_order_final: options.get("lower_order_final", true)?,
        uncorrected: options.get("disable_corrector", Vec::new())?,
    })
}

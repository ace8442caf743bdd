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
        "LMSDiscreteScheduler" => Box::new(Lms::new(call.order.unwrap_or(4))),
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

fn multistep(options: &Options) -> Result<DpmMultistepConfig, Unsupported> {
    let (smooth, sde) = algorithm(options)?;
    Ok(DpmMultistepConfig {
        order: options.get("solver_order", 2)?,
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
        ..DpmMultistepConfig::deis(options.get("solver_order", 2)?)
    })
}

fn singlestep(options: &Options, grid: &Grid) -> Result<DpmSinglestepConfig, Unsupported> {
    let (smooth, sde) = algorithm(options)?;
    let order = options.get("solver_order", 2)?;
    let whole_blocks = grid.visits().len().is_multiple_of(std::cmp::max(order, 1));
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
        order: options.get("solver_order", 2)?,
        smooth: if options.get("predict_x0", true)? { Smooth::X0 } else { Smooth::Eps },
        bh,
        lower_order_final: options.get("lower_order_final", true)?,
        uncorrected: options.get("disable_corrector", Vec::new())?,
    })
}

/// Whether PNDM's walk goes down in equal and even strides.
fn one_stride(grid: &Grid) -> bool {
    let visits = grid.visits();
    let length = grid.curve().chain().map_or(0, schedules::Schedule::num_train_timesteps);
    let stride = (length / visits.len().max(1)) as f64;
    visits.windows(2).all(|pair| pair[0].timestep - pair[1].timestep == stride)
}

fn odd_stride(grid: &Grid) -> bool {
    let visits = grid.visits();
    visits.len() > 1 && (visits[0].timestep - visits[1].timestep) % 2.0 != 0.0
}

/// Why the library's own answer is not right.
pub(crate) fn fault(
    class: &str,
    options: &Options,
    call: &Call,
    grid: &Grid,
    prediction: &str,
) -> Result<Option<String>, Unsupported> {
    let order: usize = options.get("solver_order", 2)?;
    let algorithm: String = options.get("algorithm_type", String::new())?;
    let variance: String = options.get("variance_type", String::new())?;
    let solver_type: String = options.get("solver_type", String::new())?;
    let ends_clean = grid.levels().last().is_some_and(|level| level.sigma == 0.0);
    let churns = call.s_churn.is_some_and(|amount| amount > 0.0);
    let starts_without_signal = grid.visits().first().is_some_and(|visit| visit.level.alpha < 1e-3);
    let last = grid.visits().last().map_or(0.0, |visit| visit.timestep);
    Ok(match class {
        "PNDMScheduler" if prediction == "v_prediction" => {
            Some("PNDM extrapolates v as if it stood still on a step, as noise does".into())
        }
        "PNDMScheduler" if !one_stride(grid) => {
            Some("PNDM takes all timesteps to be one stride apart".into())
        }
        "PNDMScheduler" if !options.get("skip_prk_steps", false)? && odd_stride(grid) => {
            Some("half of an odd stride: the warm-up's image and its network are one timestep apart".into())
        }
        "EulerDiscreteScheduler" if churns && prediction == "v_prediction" => {
            Some("churn: the clean image is made of v with the sigma before it".into())
        }
        "DEISMultistepScheduler" if starts_without_signal && prediction == "v_prediction" => {
            Some("single precision cancels where the walk begins almost without signal".into())
        }
        "FlowMatchHeunDiscreteScheduler" if churns => {
            Some("churn raises the noise of a flow and leaves its signal".into())
        }
        "DPMSolverMultistepScheduler" if algorithm == "sde-dpmsolver++" && order == 3 => {
            Some("the curvature's weight has the wrong sign, so that it does not vanish with the step".into())
        }
        "DDPMScheduler"
            if last > 0.0
                && (variance == "fixed_large" || variance == "learned_range" || variance == "learned") =>
        {
            Some("the step to the clean image draws noise where it does not begin at timestep 0".into())
        }
        "UniPCMultistepScheduler" if solver_type == "bh1" && ends_clean => {
            Some("bh1 multiplies an infinite B(h) by zero in the step to sigma 0".into())
        }
        "DDPMScheduler" if variance == "fixed_large_log" => {
            Some("fixed_large_log takes a logarithm for a variance".into())
        }
        _ => None,
    })
}

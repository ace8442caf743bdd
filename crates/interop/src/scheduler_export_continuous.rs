//! Schedulers of runs that have no chain of timesteps: EDM's and flow matching's.

use diffusion::{DpmMultistepConfig, Parameterization, Polynomial, Smooth, SolverConfig};
use schedules::{Edm, FinalSigma, Flow, Spacing};
use serde_json::json;
use train::RunConfig;

use crate::InteropError;
use crate::scheduler_export::{Sampling, inexpressible};

/// EDM's. Heun's method, which the library has not for it, becomes the multistep solver of the same order.
///
/// None of the library's pipelines scales the images that an EDM network is shown: `DiffusionPipeline`, which all are made
/// of, refuses to draw rather than to draw wrongly. `scripts/check_export.py` has the loop.
pub(crate) fn edm(config: &RunConfig, edm: &Edm) -> Result<Sampling, InteropError> {
    let Parameterization::Edm { sigma_data } = config.diffusion.parameterization else {
        return inexpressible(format!(
            "diffusion.parameterization = {:?} of EDM's levels",
            config.diffusion.parameterization
        ));
    };
    let (sigma_schedule, rho) = match config.sample.spacing {
        Spacing::Karras { rho } => ("karras", rho),
        Spacing::Exponential => ("exponential", 7.0),
        _ => return inexpressible(format!("sample.spacing = {:?}", config.sample.spacing)),
    };
    ends_clean(config)?;
    let mut keys = json!({
        "_diffusers_version": "0.42.1",
        "sigma_min": edm.sigma_min,
        "sigma_max": edm.sigma_max,
        "sigma_data": sigma_data,
        "sigma_schedule": sigma_schedule,
        "rho": rho,
        "num_train_timesteps": config.diffusion.num_train_timesteps,
        // c_out is above zero.
        "prediction_type": "epsilon",
        "final_sigmas_type": "zero",
    });
    let multistep = match config.sample.solver {
        SolverConfig::Euler { .. } | SolverConfig::Ddim { eta: 0.0 } => None,
        SolverConfig::Heun { .. } => Some(DpmMultistepConfig::default()),
        SolverConfig::DpmMultistep(multistep) if multistep.smooth == Smooth::X0 => Some(multistep),
        _ => return inexpressible(format!("sample.solver = {:?} of EDM's levels", config.sample.solver)),
    };
    let class = if multistep.is_some() { "EDMDPMSolverMultistepScheduler" } else { "EDMEulerScheduler" };
    if let Some(multistep) = multistep {
        keys["algorithm_type"] = json!(if multistep.sde { "sde-dpmsolver++" } else { "dpmsolver++" });
        keys["solver_order"] = json!(multistep.order);
        keys["solver_type"] = match multistep.polynomial {
            Polynomial::Midpoint => json!("midpoint"),
            Polynomial::Heun => json!("heun"),
            other => return inexpressible(format!("sample.solver.polynomial = {other:?}")),
        };
        keys["lower_order_final"] = json!(multistep.lower_order_final);
        keys["euler_at_final"] = json!(multistep.euler_at_final);
    }
    keys["_class_name"] = json!(class);
    Ok(Sampling { class, pipeline: "DiffusionPipeline", keys })
}

/// Flow matching's. Which times are visited is given when the library's scheduler is called, as their number is, and evenly by
/// itself from T to 1.
pub(crate) fn flow(config: &RunConfig, flow: &Flow) -> Result<Sampling, InteropError> {
    if config.diffusion.parameterization != Parameterization::Flow {
        return inexpressible(format!(
            "diffusion.parameterization = {:?} of a flow",
            config.diffusion.parameterization
        ));
    }
    ends_clean(config)?;
    let class = match config.sample.solver {
        SolverConfig::Euler { .. } | SolverConfig::Ddim { eta: 0.0 } => "FlowMatchEulerDiscreteScheduler",
        SolverConfig::Heun { .. } => "FlowMatchHeunDiscreteScheduler",
        _ => return inexpressible(format!("sample.solver = {:?} of a flow", config.sample.solver)),
    };
    let mut keys = json!({
        "_class_name": class,
        "_diffusers_version": "0.42.1",
        "num_train_timesteps": config.diffusion.num_train_timesteps,
        "shift": flow.shift,
    });
    let laid_out = match config.sample.spacing {
        Spacing::Trailing | Spacing::Linspace => None,
        Spacing::Karras { rho: 7.0 } => Some("use_karras_sigmas"),
        Spacing::Exponential => Some("use_exponential_sigmas"),
        Spacing::Beta => Some("use_beta_sigmas"),
        _ => return inexpressible(format!("sample.spacing = {:?} of a flow", config.sample.spacing)),
    };
    if let Some(key) = laid_out {
        if class != "FlowMatchEulerDiscreteScheduler" {
            return inexpressible(format!("sample.spacing = {:?} with Heun's method", config.sample.spacing));
        }
        keys[key] = json!(true);
    }
    Ok(Sampling { class, pipeline: "DDPMPipeline", keys })
}

fn ends_clean(config: &RunConfig) -> Result<(), InteropError> {
    match config.sample.final_sigma {
        FinalSigma::Zero => Ok(()),
        FinalSigma::SigmaMin => inexpressible("sample.final_sigma".into()),
    }
}

//! The levels of the classes that have no trained chain: flow matching, EDM, IPNDM.

use schedules::{Curve, Edm, Flow, FlowShift, Grid, NoiseLevel, Visit, sigmas, stretch_to_terminal};

use crate::scheduler::Call;
use crate::scheduler_options::{Options, Unsupported};
use crate::scheduler_sigmas::laid_out;

/// The grid of the flow-matching family.
pub(crate) fn flow_grid(options: &Options, call: &Call) -> Result<Grid, Unsupported> {
    let length: usize = options.get("num_train_timesteps", 1000)?;
    if length == 0 {
        return Err(Unsupported("num_train_timesteps = 0".into()));
    }
    let own = options.get("shift", 1.0)?;
    let constant = FlowShift::Constant(own);
    let law: String = options.get("time_shift_type", "exponential".to_owned())?;
    let dynamic = options.get("use_dynamic_shifting", false)?;
    let shift = match (dynamic, call.mu, law.as_str()) {
        (false, _, _) => constant,
        (true, Some(mu), "linear") => FlowShift::Linear { mu },
        (true, Some(mu), _) => FlowShift::Exponential { mu },
        (true, None, _) => return Err(Unsupported("use_dynamic_shifting without mu".into())),
    };
    let mut sigmas: Vec<f64> = match (&call.sigmas, &call.timesteps) {
        (Some(sigmas), _) => sigmas.clone(),
        (None, Some(timesteps)) => timesteps.iter().map(|t| t / length as f64).collect(),
        (None, None) => {
            let lowest = 1.0 / length as f64;
            let lowest = if dynamic { lowest } else { constant.apply(lowest) };
            let steps = call.steps()?;
            let step = (1.0 - lowest) / (steps as f64 - 1.0).max(1.0);
            (0..steps).map(|i| 1.0 - i as f64 * step).collect()
        }
    };
    sigmas.iter_mut().for_each(|sigma| *sigma = shift.apply(*sigma));
    if let Some(terminal) = options.find::<f64>("shift_terminal")? {
        stretch_to_terminal(&mut sigmas, terminal);
    }
    if let (Some(&max), Some(&min)) = (sigmas.first(), sigmas.last())
        && let Some((laid_out, _)) = laid_out(options, max, min, sigmas.len())?
    {
        sigmas = laid_out;
    }
    let inverted = options.get("invert_sigmas", false)?;
    if inverted {
        sigmas.iter_mut().for_each(|sigma| *sigma = 1.0 - *sigma);
    }
    // Timesteps that were given are told as they are, however their sigmas are shifted.
    let told = call.timesteps.as_ref().filter(|told| !inverted && told.len() == sigmas.len());
    let timestep = |i: usize| told.map_or(sigmas[i] * length as f64, |told| told[i]);
    let visit = |i: usize| Visit { level: NoiseLevel::flow(sigmas[i]), timestep: timestep(i) };
    let end = NoiseLevel::flow(if inverted { 1.0 } else { 0.0 });
    let flow = Flow { shift: own, ..Flow::default() };
    let curve = Curve::Flow { num_train_timesteps: length, flow };
    Ok(Grid::new((0..sigmas.len()).map(visit).collect(), end, curve))
}

/// The grid of the EDM family.
pub(crate) fn edm_grid(options: &Options, call: &Call) -> Result<Grid, Unsupported> {
    let (min, max) = (options.get("sigma_min", 0.002)?, options.get("sigma_max", 80.0)?);
    let rho = options.get("rho", 7.0)?;
    let sigmas = match options.get("sigma_schedule", "karras".to_owned())?.as_str() {
        "karras" => sigmas::karras(max, min, call.steps()?, rho),
        "exponential" => sigmas::exponential(max, min, call.steps()?),
        other => return Err(Unsupported(format!("sigma_schedule = {other}"))),
    };
    let zero = options.get("final_sigmas_type", "zero".to_owned())? == "zero";
    let level = Edm::at;
    let curve = Curve::Edm(Edm { sigma_min: min, sigma_max: max, ..Edm::default() });
    let visits = sigmas.iter().map(|&sigma| Visit { level: level(sigma), timestep: 0.25 * sigma.ln() });
    Ok(Grid::new(visits.collect(), level(if zero { 0.0 } else { min }), curve))
}

/// The grid of IPNDM, which has a law of its own.
pub(crate) fn ipndm_grid(call: &Call) -> Result<Grid, Unsupported> {
    use std::f64::consts::FRAC_PI_2;
    let steps = call.steps()?;
    let level = |i: usize| {
        let sigma = ((steps - i) as f64 / steps as f64 * FRAC_PI_2).sin().powi(2);
        NoiseLevel { alpha: (1.0 - sigma * sigma).max(0.0).sqrt(), sigma }
    };
    let visit = |i| {
        let level = level(i);
        Visit { level, timestep: level.sigma.atan2(level.alpha) / FRAC_PI_2 }
    };
    let curve = Curve::Flow { num_train_timesteps: 1, flow: Flow::default() };
    Ok(Grid::new((0..steps).map(visit).collect(), NoiseLevel::CLEAN, curve))
}

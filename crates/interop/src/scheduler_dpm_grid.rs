//! The levels that the classes of DPM-Solver's family visit.

use schedules::{Curve, Flow, FlowShift, Grid, NoiseLevel, Schedule, Visit, stretch_to_terminal};

use crate::scheduler::Call;
use crate::scheduler_options::{Options, Unsupported};
use crate::scheduler_sigmas::{Ratios, laid_out};
use crate::scheduler_timesteps::{Count, spaced};

/// What of [`dpm_grid`] differs between DPM-Solver, DEIS and UniPC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DpmFamily {
    /// Whether all walks end at the chain's first sigma.
    pub ends_above_zero: bool,
    /// Whether timesteps of sigmas laid out are not rounded on a cosine chain.
    pub cosine_unrounded: bool,
    /// Whether there is no option for the spacing.
    pub always_linspace: bool,
    /// Whether flows begin at pure noise, as nearly as single precision lets a logarithm.
    pub flows_from_noise: bool,
}

/// The grid of DPM-Solver's family: unit-variance images or flow-matching ones, whole timesteps.
pub(crate) fn dpm_grid(
    options: &Options,
    schedule: Schedule,
    call: &Call,
    family: DpmFamily,
) -> Result<Grid, Unsupported> {
    let ratios = Ratios::of(&schedule);
    let length = schedule.num_train_timesteps();
    let clipped: f64 = options.get("lambda_min_clipped", f64::NEG_INFINITY)?;
    let used = (0..length).filter(|&t| schedule.level(t).lambda() >= clipped).count();
    let zero = options.get("final_sigmas_type", "zero".to_owned())? == "zero" && !family.ends_above_zero;
    if options.get("use_flow_sigmas", false)? {
        let end = match family {
            _ if zero => 0.0,
            DpmFamily { ends_above_zero: false, flows_from_noise: false, .. } => ratios.first(),
            // The last that is visited.
            _ => f64::INFINITY,
        };
        return flow_sigmas(options, call, length, end, family.flows_from_noise);
    }
    // They shift a flow's sigmas only.
    options.ignore(&["use_dynamic_shifting", "shift_terminal"]);
    let timesteps = match &call.timesteps {
        Some(timesteps) => timesteps.clone(),
        None if family.always_linspace => {
            let step = (used as f64 - 1.0) / call.steps()? as f64;
            (1..=call.steps()?).rev().map(|i| i as f64 * step).collect()
        }
        None => spaced(options, "linspace", Count::Open, length, used, call.steps()?)?,
    };
    let timesteps: Vec<f64> = timesteps.iter().map(|t| t.round_ties_even()).collect();
    let cosine = options.get("beta_schedule", String::new())? == "squaredcos_cap_v2";
    let laid_out = laid_out(options, ratios.last(), ratios.first(), timesteps.len())?;
    let end = match &laid_out {
        _ if zero => 0.0,
        Some((sigmas, _)) => sigmas[sigmas.len() - 1],
        None => ratios.first(),
    };
    let visits: Vec<(f64, f64)> = match laid_out {
        None => timesteps.into_iter().map(|t| (ratios.at(t), t)).collect(),
        Some((sigmas, kind)) => {
            let rounded = matches!(kind, "karras" | "lu") && !(cosine && family.cosine_unrounded);
            let whole = |t: f64| if rounded { t.round_ties_even() } else { t.trunc() };
            sigmas.iter().map(|&sigma| (sigma, whole(ratios.timestep(sigma)))).collect()
        }
    };
    let level = |ratio: f64| if ratio == 0.0 { NoiseLevel::CLEAN } else { NoiseLevel::from_ratio(ratio) };
    let visits = visits.into_iter().map(|(ratio, timestep)| Visit { level: level(ratio), timestep });
    Ok(Grid::new(visits.collect(), level(end), Curve::Chain(schedule)))
}

/// A walk of flow matching that ends at `end`, or at the last sigma visited if that is less.
fn flow_sigmas(
    options: &Options,
    call: &Call,
    length: usize,
    end: f64,
    from_noise: bool,
) -> Result<Grid, Unsupported> {
    options.ignore(&["timestep_spacing", "steps_offset"]);
    let own = options.get("flow_shift", 1.0)?;
    let shift = match (options.get("use_dynamic_shifting", false)?, call.mu) {
        (true, Some(mu)) => FlowShift::Exponential { mu },
        (true, None) if from_noise => return Err(Unsupported("use_dynamic_shifting without mu".into())),
        _ => FlowShift::Constant(own),
    };
    let steps = call.steps()?;
    // As the library lays them out, to the last bit: timesteps are cut off to whole ones.
    let step = (1.0 / length as f64 - 1.0) / steps as f64;
    let at = |i: usize| if i == steps { 1.0 / length as f64 } else { 1.0 + i as f64 * step };
    let plain = |i: usize| if from_noise { at(i) } else { 1.0 - at(steps - i) };
    let mut sigmas: Vec<f64> = (0..steps).map(|i| shift.apply(plain(i))).collect();
    if let Some(terminal) = options.find::<f64>("shift_terminal")?.filter(|_| from_noise) {
        stretch_to_terminal(&mut sigmas, terminal);
    }
    sigmas[0] = sigmas[0].min(1.0 - 1e-6);
    let end = end.min(sigmas[steps - 1]);
    let visit =
        |&sigma: &f64| Visit { level: NoiseLevel::flow(sigma), timestep: (sigma * length as f64).trunc() };
    let curve = Curve::Flow { num_train_timesteps: length, flow: Flow::default() };
    Ok(Grid::new(sigmas.iter().map(visit).collect(), NoiseLevel::flow(end), curve))
}

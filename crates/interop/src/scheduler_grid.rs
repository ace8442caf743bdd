//! The levels that each family of the library's classes visits.

use schedules::{Curve, Flow, FlowShift, Grid, NoiseLevel, Schedule, Visit, sigmas, stretch_to_terminal};

use crate::scheduler::Call;
use crate::scheduler_options::{Options, Unsupported};

/// How a class counts the steps of its spacing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// The last step begins at the chain's first timestep.
    Closed,
    /// One more step would.
    Open,
}

/// Timesteps by the options `timestep_spacing` and `steps_offset`, falling; `length` is that of the chain's used part.
pub(crate) fn spaced(
    options: &Options,
    default: &str,
    count: Count,
    chain: usize,
    length: usize,
    steps: usize,
) -> Result<Vec<f64>, Unsupported> {
    let offset: f64 = options.get("steps_offset", 0.0)?;
    let spacing: String = options.get("timestep_spacing", default.to_owned())?;
    let open = usize::from(count == Count::Open);
    if steps == 0 || steps + open > length {
        return Err(Unsupported(format!("{steps} steps of {length} timesteps")));
    }
    let falling = (0..steps).rev().map(|i| (i + open) as f64);
    Ok(match spacing.as_str() {
        "linspace" => {
            let step = (length as f64 - 1.0) / ((steps + open) as f64 - 1.0).max(1.0);
            falling.map(|i| i * step).collect()
        }
        "leading" => falling.map(|i| i * (length / (steps + open)) as f64 + offset).collect(),
        "trailing" => {
            let step = chain as f64 / steps as f64;
            (0..steps).map(|i| (length as f64 - i as f64 * step).round_ties_even() - 1.0).collect()
        }
        other => return Err(Unsupported(format!("timestep_spacing = {other}"))),
    })
}

/// The timesteps of LCM and TCD: some of those that the model was distilled at.
///
/// `any` says whether a call that names a number of distilled timesteps may have any of the chain, as TCD has it.
pub(crate) fn distilled(
    options: &Options,
    chain: usize,
    call: &Call,
    any: bool,
) -> Result<Vec<f64>, Unsupported> {
    if let Some(timesteps) = &call.timesteps {
        return Ok(timesteps.clone());
    }
    let steps = call.steps()?;
    let own: usize = options.get("original_inference_steps", 50)?;
    let original = match call.original_inference_steps {
        Some(_) if any => chain,
        original => original.unwrap_or(own),
    };
    if steps > original {
        return Err(Unsupported(format!("{steps} steps of {original} distilled ones")));
    }
    let stride = chain / original;
    let at = |index: usize| ((original - index) * stride - 1) as f64;
    Ok((0..steps).map(|i| at((i as f64 * original as f64 / steps as f64) as usize)).collect())
}

/// The option that lays out sigmas rather than timesteps.
pub(crate) fn laid_out(
    options: &Options,
    max: f64,
    min: f64,
    steps: usize,
) -> Result<Option<(Vec<f64>, &'static str)>, Unsupported> {
    let max = options.get("sigma_max", max)?;
    let min = options.get("sigma_min", min)?;
    let on = |key: &str| options.get(key, false);
    Ok(if on("use_karras_sigmas")? {
        Some((sigmas::karras(max, min, steps, 7.0), "karras"))
    } else if on("use_exponential_sigmas")? {
        Some((sigmas::exponential(max, min, steps), "exponential"))
    } else if on("use_beta_sigmas")? {
        Some((sigmas::beta(max, min, steps), "beta"))
    } else if on("use_lu_lambdas")? {
        // From logarithms in single precision, so that the ends are timesteps of the chain.
        let single = |ratio: f64| f64::from(ratio.ln() as f32).exp();
        Some((sigmas::exponential(single(max), single(min), steps), "lu"))
    } else {
        None
    })
}

/// `sigma / alpha` of each timestep of a chain, and where one lies in it.
pub(crate) struct Ratios(Vec<f64>);

impl Ratios {
    pub(crate) fn of(schedule: &Schedule) -> Self {
        let single = |bar: &f64| f64::from((((1.0 - bar) / bar) as f32).sqrt());
        Self(schedule.alphas_cumprod().iter().map(single).collect())
    }

    pub(crate) fn first(&self) -> f64 {
        self.0[0]
    }

    pub(crate) fn last(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// Interpolated linearly.
    pub(crate) fn at(&self, timestep: f64) -> f64 {
        let below = (timestep.max(0.0) as usize).min(self.0.len() - 1);
        let above = (below + 1).min(self.0.len() - 1);
        self.0[below] + (timestep - below as f64) * (self.0[above] - self.0[below])
    }

    /// Interpolated in logarithms of single precision, as the library keeps them: its integers are cut off, not rounded.
    pub(crate) fn timestep(&self, ratio: f64) -> f64 {
        let log = |ratio: f64| f64::from(ratio.ln() as f32);
        let wanted = ratio.max(1e-10).ln();
        let above = self.0.partition_point(|&ratio| log(ratio) <= wanted);
        let below = above.saturating_sub(1).min(self.0.len() - 2);
        let (low, high) = (log(self.0[below]), log(self.0[below + 1]));
        let share = ((low - wanted) / (low - high)).clamp(0.0, 1.0);
        (1.0 - share) * below as f64 + share * (below + 1) as f64
    }
}

/// The grid of k-diffusion's family: images `x0 + sigma eps`, fractional timesteps, but for Karras' sigmas in some.
pub(crate) fn k_grid(
    options: &Options,
    schedule: Schedule,
    call: &Call,
    whole_karras: bool,
) -> Result<Grid, Unsupported> {
    let ratios = Ratios::of(&schedule);
    let length = schedule.num_train_timesteps();
    let end = match options.get("final_sigmas_type", "zero".to_owned())?.as_str() {
        "zero" => 0.0,
        _ => ratios.first(),
    };
    let grid = |visits: Vec<(f64, f64)>, end: f64| {
        let visit = |(sigma, timestep)| Visit { level: NoiseLevel { alpha: 1.0, sigma }, timestep };
        let visits = visits.into_iter().map(visit).collect();
        Grid::new(visits, NoiseLevel { alpha: 1.0, sigma: end }, Curve::Chain(schedule))
    };
    if let Some(sigmas) = &call.sigmas {
        options.ignore(&["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"]);
        let (&last, visited) = sigmas.split_last().ok_or_else(|| Unsupported("no sigmas".into()))?;
        return Ok(grid(visited.iter().map(|&sigma| (sigma, ratios.timestep(sigma))).collect(), last));
    }
    let timesteps = match &call.timesteps {
        Some(timesteps) => timesteps.clone(),
        None => spaced(options, "linspace", Count::Closed, length, length, call.steps()?)?,
    };
    let steps = timesteps.len();
    let mut sigmas: Vec<f64> = timesteps.iter().map(|&t| ratios.at(t)).collect();
    let log_linear = options.get("interpolation_type", "linear".to_owned())? == "log_linear";
    let mut end = end;
    if log_linear {
        sigmas = sigmas::exponential(ratios.last(), ratios.first(), steps + 1);
        end = sigmas[steps];
        sigmas.truncate(steps);
    }
    let spread = laid_out(options, sigmas[0], sigmas[steps - 1], steps)?;
    let mut visits: Vec<(f64, f64)> = match spread {
        Some((sigmas, kind)) => {
            let whole = |t: f64| if whole_karras && kind == "karras" { t.round_ties_even() } else { t };
            sigmas.iter().map(|&sigma| (sigma, whole(ratios.timestep(sigma)))).collect()
        }
        None => sigmas.into_iter().zip(timesteps).collect(),
    };
    let continuous = options.get("timestep_type", "discrete".to_owned())? == "continuous";
    if continuous && options.get("prediction_type", "epsilon".to_owned())? == "v_prediction" {
        for (sigma, timestep) in &mut visits {
            *timestep = 0.25 * sigma.ln();
        }
    }
    Ok(grid(visits, end))
}

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

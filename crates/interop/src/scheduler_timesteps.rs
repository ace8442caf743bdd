//! Which timesteps of a chain the library's classes visit.

use crate::scheduler::Call;
use crate::scheduler_options::{Options, Unsupported};

/// How a class counts the steps of its spacing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// The last step begins at the chain's first timestep.
    Closed,
    /// One more step would.
    Open,
    /// As [`Closed`](Self::Closed), between the timesteps too: there may be more steps than timesteps.
    Between,
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
    let between = count == Count::Between && spacing != "leading";
    let most = if spacing == "trailing" { length } else { length - open.min(length) };
    let unfit = || Unsupported(format!("{steps} steps of {length} timesteps"));
    if steps == 0 || steps > most && !between {
        return Err(unfit());
    }
    let falling = (0..steps).rev().map(|i| (i + open) as f64);
    let timesteps: Vec<f64> = match spacing.as_str() {
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
    };
    // So many steps that the last ones are rounded to before the chain.
    if timesteps.last().is_some_and(|&last| last < 0.0) { Err(unfit()) } else { Ok(timesteps) }
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
    if original > chain {
        return Err(Unsupported(format!("original_inference_steps = {original} of a chain of {chain}")));
    }
    if steps > original {
        return Err(Unsupported(format!("{steps} steps of {original} distilled ones")));
    }
    let stride = chain / original;
    let at = |index: usize| ((original - index) * stride - 1) as f64;
    Ok((0..steps).map(|i| at((i as f64 * original as f64 / steps as f64) as usize)).collect())
}

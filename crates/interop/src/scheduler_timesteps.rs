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
    let stride = chain / original;
    let known = (original as f64 * call.strength.unwrap_or(1.0).clamp(0.0, 1.0)) as usize;
    if steps > known {
        return Err(Unsupported(format!("{steps} steps of {known} distilled ones")));
    }
    let at = |index: usize| ((known - index) * stride - 1) as f64;
    Ok((0..steps).map(|i| at((i as f64 * known as f64 / steps as f64) as usize)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    /// As LCMScheduler and TCDScheduler of diffusers 0.42.1 have it.
    #[test]
    fn with_a_strength_the_lowest_distilled_timesteps_are_walked() {
        let walk = |steps, strength| {
            let call = Call { num_inference_steps: Some(steps), strength: Some(strength), ..Call::default() };
            distilled(&Options::new(Map::new()), 1000, &call, false)
        };
        assert_eq!(walk(4, 0.5).unwrap(), [499.0, 379.0, 259.0, 139.0]);
        assert_eq!(walk(3, 0.3).unwrap(), [299.0, 199.0, 99.0]);
        assert_eq!(walk(4, 0.06).unwrap_err().0, "4 steps of 3 distilled ones");
    }

    #[test]
    fn steps_between_timesteps_are_no_more_than_a_walk_may_have() {
        let spaced = |spacing: &str, count, steps| {
            let options = Options::new(Map::from_iter([("timestep_spacing".into(), spacing.into())]));
            spaced(&options, "linspace", count, 10, 10, steps).map_err(|error| error.0)
        };
        assert_eq!(spaced("linspace", Count::Between, 19).unwrap()[..3], [9.0, 8.5, 8.0]);
        assert_eq!(spaced("linspace", Count::Closed, 19).unwrap_err(), "19 steps of 10 timesteps");
        assert_eq!(spaced("leading", Count::Between, 19).unwrap_err(), "19 steps of 10 timesteps");
        assert_eq!(spaced("trailing", Count::Between, 25).unwrap_err(), "25 steps of 10 timesteps");
        assert_eq!(spaced("trailing", Count::Open, 10).unwrap()[..2], [9.0, 8.0]);
        assert_eq!(spaced("linspace", Count::Open, 10).unwrap_err(), "10 steps of 10 timesteps");
    }
}

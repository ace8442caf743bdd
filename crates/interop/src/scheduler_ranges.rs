use serde_json::Value;

use crate::scheduler_options::{Options, Unsupported};

/// A key of a scheduler's configuration, whether a number fits it, and which do.
type Range = (&'static str, fn(f64) -> bool, &'static str);

/// The longest chain, as for our own schedules.
const LONGEST: f64 = 1e6;
/// No noise is stronger.
const STRONGEST: f64 = 1e6;

const POSITIVE: &str = "above 0";
const SHARE: &str = "above 0 and at most 1";
const COUNT: &str = "a whole number from 1 to 1000000";

/// What the numbers of a configuration may be. Those that are not here may be any.
const RANGES: [Range; 23] = [
    ("base_image_seq_len", is_count, COUNT),
    ("base_shift", |_| true, "a number"),
    ("beta_end", is_share, SHARE),
    ("beta_start", is_share, SHARE),
    ("clip_sample_range", is_positive, POSITIVE),
    ("dynamic_thresholding_ratio", is_share, SHARE),
    ("eta", |value| (0.0..=1.0).contains(&value), "from 0 to 1"),
    ("flow_shift", is_positive, POSITIVE),
    ("lambda_min_clipped", |_| true, "a number, or -Infinity"),
    ("max_image_seq_len", is_count, COUNT),
    ("max_shift", |_| true, "a number"),
    ("num_train_timesteps", is_count, COUNT),
    ("original_inference_steps", is_count, COUNT),
    ("rho", is_positive, POSITIVE),
    ("sample_max_value", is_positive, POSITIVE),
    ("shift", is_positive, POSITIVE),
    ("shift_terminal", |value| (0.0..1.0).contains(&value), "from 0 to below 1"),
    ("sigma_data", is_noise, "above 0 and at most 1000000"),
    ("sigma_max", is_noise, "above 0 and at most 1000000"),
    ("sigma_min", is_noise, "above 0 and at most 1000000"),
    ("solver_order", |value| [1.0, 2.0, 3.0].contains(&value), "1, 2 or 3"),
    (
        "steps_offset",
        |value| value.fract() == 0.0 && (0.0..LONGEST).contains(&value),
        "a whole number from 0",
    ),
    ("timestep_scaling", is_positive, POSITIVE),
];

fn is_positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

fn is_share(value: f64) -> bool {
    value > 0.0 && value <= 1.0
}

fn is_noise(value: f64) -> bool {
    value > 0.0 && value <= STRONGEST
}

fn is_count(value: f64) -> bool {
    value.fract() == 0.0 && (1.0..=LONGEST).contains(&value)
}

/// Checks all numbers of a class's options, whether they are used or not.
///
/// # Errors
///
/// The first key whose value is out of its range, with the range.
pub(crate) fn check(options: &Options) -> Result<(), Unsupported> {
    for (key, fits, range) in RANGES {
        let Some(value) = options.value(key) else { continue };
        if !value.as_f64().is_some_and(fits) {
            return Err(refused(key, value, range));
        }
    }
    if let Some(Value::Array(betas)) = options.value("trained_betas") {
        let unfit = |beta: &&Value| !beta.as_f64().is_some_and(is_share);
        if let Some(beta) = betas.iter().find(unfit) {
            return Err(refused("a number in trained_betas", beta, SHARE));
        }
    }
    let sigma = |key: &str| options.value(key).and_then(Value::as_f64);
    match (sigma("sigma_min"), sigma("sigma_max")) {
        (Some(min), Some(max)) if min >= max => {
            Err(Unsupported(format!("sigma_min = {min}: it must be below sigma_max = {max}")))
        }
        _ => Ok(()),
    }
}

fn refused(key: &str, value: &Value, range: &str) -> Unsupported {
    // Numbers that are none are kept as text.
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Unsupported(format!("{key} = {value}: it must be {range}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Result<(), String> {
        check(&Options::parse(text).unwrap()).map_err(|Unsupported(reason)| reason)
    }

    #[test]
    fn every_number_out_of_its_range_is_named() {
        for (key, value) in [
            ("clip_sample_range", "-1.0"),
            ("sample_max_value", "-1"),
            ("sample_max_value", "0"),
            ("dynamic_thresholding_ratio", "5"),
            ("dynamic_thresholding_ratio", "0.0"),
            ("beta_start", "1.5"),
            ("beta_start", "NaN"),
            ("beta_end", "-0.1"),
            ("beta_end", "Infinity"),
            ("num_train_timesteps", "0"),
            ("num_train_timesteps", "18446744073709551615"),
            ("num_train_timesteps", "10.5"),
            ("solver_order", "0"),
            ("solver_order", "-1"),
            ("sigma_min", "0"),
            ("sigma_max", "1e+300"),
            ("sigma_data", "\"0.5\""),
            ("shift", "-3"),
            ("shift_terminal", "1"),
            ("steps_offset", "-1"),
            ("rho", "0"),
        ] {
            let error = answer(&format!("{{\"{key}\": {value}}}")).unwrap_err();
            let shown = value.trim_matches('"');
            assert!(error.starts_with(&format!("{key} = {shown}: it must be ")), "{error}");
        }
        assert!(answer(r#"{"trained_betas": [0.1, 2]}"#).unwrap_err().contains("trained_betas = 2"));
        assert!(answer(r#"{"sigma_min": 2, "sigma_max": 1}"#).unwrap_err().contains("below sigma_max = 1"));
    }

    #[test]
    fn what_the_library_writes_is_in_range() {
        let text = r#"{"beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000, "solver_order": 2,
            "lambda_min_clipped": -Infinity, "sigma_max": null, "clip_sample_range": 1.0, "steps_offset": 1}"#;
        assert_eq!(answer(text), Ok(()));
    }
}

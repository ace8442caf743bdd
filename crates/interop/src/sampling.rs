use std::fs;
use std::io::Write;
use std::path::Path;

use diffusion::{Parameterization, SamplerConfig, SolverConfig};
use schedules::{FixedVariance, Schedule, ScheduleConfig, Spacing};
use serde_json::{Map, Value, json};
use train::RunConfig;

use crate::InteropError;

/// What a `scheduler_config.json` says: the chain, what the network predicts, and how it is sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// The chain.
    pub schedule: Schedule,
    /// What the network predicts.
    pub parameterization: Parameterization,
    /// Solver, spacing and steps; the file does not say the last, and neither a DDIM's eta.
    pub sampler: SamplerConfig,
    /// Whether predicted clean images are clipped to `[-1, 1]`.
    pub clip_x0: bool,
}

/// Steps where a folder is sampled without saying how many.
const DEFAULT_STEPS: usize = 50;

/// The longest chain; published ones have at most 4000 steps.
const MAX_TIMESTEPS: usize = 1_000_000;

impl Sampling {
    /// Reads a `scheduler_config.json` of DDPM or DDIM.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or an option is one that we do not have.
    pub fn read(path: &Path) -> Result<Self, InteropError> {
        let text = fs::read_to_string(path).map_err(InteropError::io("read", path))?;
        let keys: Map<String, Value> = serde_json::from_str(&text).map_err(InteropError::damaged(path))?;
        let keys = Keys { path, keys };
        let solver = keys.solver()?;
        keys.check_known()?;
        let steps = keys.count("num_train_timesteps", 1000)?;
        if steps > MAX_TIMESTEPS {
            return keys.unsupported("num_train_timesteps");
        }
        let sampler = SamplerConfig { solver, spacing: keys.spacing()?, steps: steps.min(DEFAULT_STEPS) };
        let schedule = keys.schedule(steps)?;
        let parameterization = keys.parameterization()?;
        Ok(Self { schedule, parameterization, sampler, clip_x0: keys.flag("clip_sample", true)? })
    }
}

struct Keys<'a> {
    path: &'a Path,
    keys: Map<String, Value>,
}

impl Keys<'_> {
    fn unsupported<T>(&self, key: &str) -> Result<T, InteropError> {
        let value = self.keys.get(key).map_or("unset".to_owned(), Value::to_string);
        Err(InteropError::Unsupported { path: self.path.to_path_buf(), option: key.into(), value })
    }

    fn text(&self, key: &str, default: &'static str) -> Result<&str, InteropError> {
        match self.keys.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::String(text)) => Ok(text),
            Some(_) => self.unsupported(key),
        }
    }

    fn number(&self, key: &str, default: f64) -> Result<f64, InteropError> {
        match self.keys.get(key) {
            None => Ok(default),
            Some(value) => value.as_f64().map_or_else(|| self.unsupported(key), Ok),
        }
    }

    fn count(&self, key: &str, default: usize) -> Result<usize, InteropError> {
        match self.keys.get(key) {
            None => Ok(default),
            Some(value) => value.as_u64().map_or_else(|| self.unsupported(key), |count| Ok(count as usize)),
        }
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool, InteropError> {
        match self.keys.get(key) {
            None => Ok(default),
            Some(value) => value.as_bool().map_or_else(|| self.unsupported(key), Ok),
        }
    }

    /// Refuses what is named and would change the result.
    fn check_known(&self) -> Result<(), InteropError> {
        const READ: [&str; 10] = [
            "num_train_timesteps",
            "beta_start",
            "beta_end",
            "beta_schedule",
            "trained_betas",
            "variance_type",
            "clip_sample",
            "prediction_type",
            "timestep_spacing",
            // Only read where `thresholding` is set.
            "dynamic_thresholding_ratio",
        ];
        let off: [(&str, Value); 5] = [
            ("thresholding", json!(false)),
            ("sample_max_value", json!(1.0)),
            ("steps_offset", json!(0)),
            ("rescale_betas_zero_snr", json!(false)),
            ("set_alpha_to_one", json!(true)),
        ];
        let fits = |(key, value): (&String, &Value)| {
            key.starts_with('_')
                || READ.contains(&key.as_str())
                || off.iter().any(|(name, expected)| name == key && expected == value)
                || (key == "clip_sample_range" && value.as_f64() == Some(1.0))
        };
        match self.keys.iter().find(|entry| !fits(*entry)) {
            Some((key, _)) => self.unsupported(key),
            None => Ok(()),
        }
    }

    fn solver(&self) -> Result<SolverConfig, InteropError> {
        match self.text("_class_name", "")? {
            "DDIMScheduler" => Ok(SolverConfig::Ddim { eta: 0.0 }),
            "DDPMScheduler" => match self.text("variance_type", "fixed_small")? {
                "fixed_small" => Ok(SolverConfig::Ancestral { variance: FixedVariance::Small }),
                "fixed_large" => Ok(SolverConfig::Ancestral { variance: FixedVariance::Large }),
                _ => self.unsupported("variance_type"),
            },
            _ => self.unsupported("_class_name"),
        }
    }

    fn spacing(&self) -> Result<Spacing, InteropError> {
        match self.text("timestep_spacing", "leading")? {
            "leading" => Ok(Spacing::Leading),
            "trailing" => Ok(Spacing::Trailing),
            "linspace" => Ok(Spacing::Linspace),
            _ => self.unsupported("timestep_spacing"),
        }
    }

    fn parameterization(&self) -> Result<Parameterization, InteropError> {
        match self.text("prediction_type", "epsilon")? {
            "epsilon" => Ok(Parameterization::Eps),
            "sample" => Ok(Parameterization::X0),
            "v_prediction" => Ok(Parameterization::V),
            _ => self.unsupported("prediction_type"),
        }
    }

    fn schedule(&self, steps: usize) -> Result<Schedule, InteropError> {
        let (beta_start, beta_end) = (self.number("beta_start", 1e-4)?, self.number("beta_end", 0.02)?);
        let table = self.keys.get("trained_betas").filter(|value| !value.is_null());
        let built = match (table, self.text("beta_schedule", "linear")?) {
            (Some(table), _) => {
                let betas: Vec<f64> =
                    serde_json::from_value(table.clone()).map_err(InteropError::damaged(self.path))?;
                Schedule::from_betas(betas)
            }
            (None, "linear") => ScheduleConfig::Linear { beta_start, beta_end }.build(steps),
            (None, "scaled_linear") => ScheduleConfig::ScaledLinear { beta_start, beta_end }.build(steps),
            (None, "squaredcos_cap_v2") => COSINE.build(steps),
            (None, _) => return self.unsupported("beta_schedule"),
        };
        built.map_err(InteropError::damaged(self.path))
    }
}

/// The only cosine schedule that the reference library has.
const COSINE: ScheduleConfig = ScheduleConfig::Cosine { s: 0.008, max_beta: 0.999 };

/// Writes the `scheduler_config.json` of a run and returns the name of its class.
///
/// The run's number of steps and a DDIM's eta are not part of such a file: they are given when the pipeline is called.
pub(crate) fn write_sampling(config: &RunConfig, path: &Path) -> Result<&'static str, InteropError> {
    let (class, variance) = match config.sample.solver {
        SolverConfig::Ddim { .. } => ("DDIMScheduler", None),
        SolverConfig::Ancestral { variance: FixedVariance::Small } => ("DDPMScheduler", Some("fixed_small")),
        SolverConfig::Ancestral { variance: FixedVariance::Large } => ("DDPMScheduler", Some("fixed_large")),
    };
    let mut keys = json!({
        "_class_name": class,
        "_diffusers_version": "0.42.1",
        "num_train_timesteps": config.diffusion.num_train_timesteps,
        "trained_betas": null,
        "clip_sample": true,
        "clip_sample_range": 1.0,
        "prediction_type": match config.diffusion.parameterization {
            Parameterization::Eps => "epsilon",
            Parameterization::X0 => "sample",
            Parameterization::V => "v_prediction",
        },
        "timestep_spacing": match config.sample.spacing {
            Spacing::Leading => "leading",
            Spacing::Trailing => "trailing",
            Spacing::Linspace => "linspace",
        },
    });
    match &config.diffusion.schedule {
        ScheduleConfig::Linear { beta_start, beta_end } => {
            set_betas(&mut keys, "linear", [*beta_start, *beta_end])
        }
        ScheduleConfig::ScaledLinear { beta_start, beta_end } => {
            set_betas(&mut keys, "scaled_linear", [*beta_start, *beta_end]);
        }
        cosine if *cosine == COSINE => keys["beta_schedule"] = json!("squaredcos_cap_v2"),
        ScheduleConfig::Cosine { .. } => keys["trained_betas"] = json!(config.schedule()?.betas()),
    }
    if let Some(variance) = variance {
        keys["variance_type"] = json!(variance);
    }
    write_json(path, &keys)?;
    Ok(class)
}

fn set_betas(keys: &mut Value, law: &str, [start, end]: [f64; 2]) {
    keys["beta_schedule"] = json!(law);
    keys["beta_start"] = json!(start);
    keys["beta_end"] = json!(end);
}

/// Writes a file of a folder, whole or not at all.
pub(crate) fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), InteropError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| InteropError::io("write", path)(std::io::Error::other(error)))?;
    Ok(data::write_atomically(path, |file| writeln!(file, "{text}"))?)
}

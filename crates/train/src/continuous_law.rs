//! Runs whose levels are no chain: EDM's and flow matching's.

use diffusion::{Churn, ReverseVariance, SolverConfig};
use schedules::{ScheduleConfig, Spacing};
use serde::Serialize;
use toml::{Table, Value};

use crate::objective_config::{ObjectiveConfig, TimestepSampling};
use crate::{DiffusionConfig, EvalConfig, TrainConfig};

/// Writes the keys of `[sample]` that are left out: a sampler for a chain would not fit.
///
/// # Errors
///
/// If `sample` is no table.
pub(crate) fn complete(diffusion: &DiffusionConfig, table: &mut Table) -> Result<(), String> {
    let churn = Churn::default();
    let (solver, spacing, steps) = match diffusion.schedule {
        // Karras et al. 2022, algorithm 1 and table 1; 18 steps in section 3 for CIFAR-10.
        ScheduleConfig::Edm(_) => (SolverConfig::Heun { churn }, Spacing::Karras { rho: 7.0 }, 18),
        ScheduleConfig::Flow(_) => (SolverConfig::Euler { churn }, Spacing::Trailing, 50),
        _ => return Ok(()),
    };
    let sample = table.entry("sample").or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(sample) = sample else { return Err("sample: it must be a table".into()) };
    let defaults = [("solver", value(solver)?), ("spacing", value(spacing)?), ("steps", value(steps)?)];
    for (key, value) in defaults {
        sample.entry(key).or_insert(value);
    }
    Ok(())
}

fn value(of: impl Serialize) -> Result<Value, String> {
    Value::try_from(of).map_err(|error| error.to_string())
}

/// Refuses what needs a chain of timesteps where there is none.
///
/// # Errors
///
/// The first such key.
pub(crate) fn validate(
    diffusion: &DiffusionConfig,
    train: &TrainConfig,
    eval: &EvalConfig,
) -> Result<(), String> {
    let law = match diffusion.schedule {
        ScheduleConfig::Edm(_) => "edm",
        ScheduleConfig::Flow(_) => "flow",
        _ => return Ok(()),
    };
    let keys = [
        ("diffusion.variance", diffusion.variance == ReverseVariance::LearnedRange),
        ("train.objective", train.objective != ObjectiveConfig::Simple),
        ("train.timesteps", train.timesteps != TimestepSampling::Uniform),
        ("eval.every", eval.every > 0),
    ];
    match keys.into_iter().find(|(_, given)| *given) {
        Some((key, _)) => Err(format!(
            "{key}: it needs a chain of timesteps, and diffusion.schedule = \"{law}\" is none: leave it out"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunConfig;
    use diffusion::SamplerConfig;

    fn sampler(text: &str) -> SamplerConfig {
        let mut table: Table = toml::from_str(text).unwrap();
        let diffusion: DiffusionConfig = table["diffusion"].clone().try_into().unwrap();
        complete(&diffusion, &mut table).unwrap();
        table.remove("sample").map_or_else(SamplerConfig::default, |sample| sample.try_into().unwrap())
    }

    #[test]
    fn the_sampler_fits_the_law_unless_it_is_given() {
        let chain = sampler("[diffusion]\nschedule = { type = \"cosine\" }");
        assert_eq!(chain, SamplerConfig::default());
        let edm = sampler("[diffusion]\nschedule = { type = \"edm\" }");
        assert_eq!((&edm.spacing, edm.steps), (&Spacing::Karras { rho: 7.0 }, 18));
        assert_eq!(edm.solver, SolverConfig::Heun { churn: Churn::default() });
        // A configuration with a number that is none could not be read again.
        assert!(!toml::to_string(&edm).unwrap().contains("inf"));
        let own = sampler(
            "[diffusion]\nschedule = { type = \"flow\" }\n[sample]\nsteps = 7\nsolver = { type = \"ddim\" }",
        );
        assert_eq!(
            (own.solver, own.spacing, own.steps),
            (SolverConfig::Ddim { eta: 0.0 }, Spacing::Trailing, 7)
        );
    }

    #[test]
    fn what_needs_a_chain_is_refused_without_one() {
        let refused = |train: &str, diffusion: &str| {
            let text = format!(
                "[dataset]\ntype = \"digits\"\n[diffusion]\nschedule = {{ type = \"edm\" }}\n{diffusion}\n{train}"
            );
            let config: RunConfig = toml::from_str(&text).unwrap();
            validate(&config.diffusion, &config.train, &config.eval).unwrap_err()
        };
        assert_eq!(
            refused("", "variance = \"learned_range\""),
            "diffusion.variance: it needs a chain of timesteps, and diffusion.schedule = \"edm\" is none: leave it out"
        );
        for (text, key) in [
            ("[train]\nobjective = { type = \"vlb\" }", "train.objective"),
            ("[train]\ntimesteps = \"loss_aware\"", "train.timesteps"),
            ("[eval]\nevery = 1000", "eval.every"),
        ] {
            assert!(refused(text, "").starts_with(key), "{text}");
        }
    }
}

//! Which spellings each class of the library takes for its options that are one of a few words.

use crate::scheduler_options::{Options, Unsupported};

/// An option, the classes that it is so for by the beginning of their names, and its spellings. The first row that fits counts.
/// Spellings of other classes are among them where the library translates them.
const SPELLINGS: [(&str, &str, &[&str]); 22] = [
    ("beta_schedule", "DDPM", &["linear", "scaled_linear", "squaredcos_cap_v2", "laplace", "sigmoid"]),
    ("beta_schedule", "Heun", &["linear", "scaled_linear", "squaredcos_cap_v2", "exp"]),
    ("beta_schedule", "", &["linear", "scaled_linear", "squaredcos_cap_v2"]),
    ("timestep_spacing", "DDIMInverse", &["leading", "trailing"]),
    ("timestep_spacing", "", &["linspace", "leading", "trailing"]),
    ("prediction_type", "EDM", &["epsilon", "v_prediction"]),
    ("prediction_type", "Euler", &["epsilon", "sample", "original_sample", "v_prediction"]),
    ("prediction_type", "DEIS", &["epsilon", "sample", "v_prediction", "flow_prediction"]),
    ("prediction_type", "DPMSolver", &["epsilon", "sample", "v_prediction", "flow_prediction"]),
    ("prediction_type", "UniPC", &["epsilon", "sample", "v_prediction", "flow_prediction"]),
    ("prediction_type", "", &["epsilon", "sample", "v_prediction"]),
    ("algorithm_type", "DEIS", &["deis", "dpmsolver", "dpmsolver++"]),
    ("algorithm_type", "EDM", &["dpmsolver++", "sde-dpmsolver++", "deis"]),
    ("algorithm_type", "DPMSolverSinglestep", &["dpmsolver", "dpmsolver++", "sde-dpmsolver++", "deis"]),
    ("algorithm_type", "", &["dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++", "deis"]),
    ("solver_type", "", &["midpoint", "heun", "logrho", "bh1", "bh2"]),
    ("final_sigmas_type", "", &["zero", "sigma_min"]),
    (
        "variance_type",
        "",
        &["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range"],
    ),
    ("interpolation_type", "", &["linear", "log_linear"]),
    ("timestep_type", "", &["discrete", "continuous"]),
    ("sigma_schedule", "", &["karras", "exponential"]),
    ("time_shift_type", "", &["exponential", "linear"]),
];

/// Refuses a spelling that a class does not take; an option that is left out or null is none.
///
/// # Errors
///
/// The first such option, with the spellings that there are.
pub(crate) fn check(class: &str, options: &Options) -> Result<(), Unsupported> {
    let keys = SPELLINGS.iter().map(|(key, ..)| *key);
    // A table of betas takes the place of their schedule.
    let unused = |key: &str| key == "beta_schedule" && options.value("trained_betas").is_some();
    for key in keys.filter(|key| !unused(key)) {
        let row = SPELLINGS.iter().find(|(option, classes, _)| *option == key && class.starts_with(classes));
        let (Some((.., spellings)), Some(value)) = (row, options.value(key)) else { continue };
        if !value.as_str().is_some_and(|value| spellings.contains(&value)) {
            let (value, spellings) = (value.to_string(), spellings.join(", "));
            let value = value.trim_matches('"');
            return Err(Unsupported(format!("{key} = {value}: {class} takes one of {spellings}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Scheduler};

    const CLASSES: [&str; 8] = [
        "DDIMScheduler",
        "DDPMScheduler",
        "UniPCMultistepScheduler",
        "DEISMultistepScheduler",
        "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler",
        "EulerDiscreteScheduler",
        "EDMEulerScheduler",
    ];

    fn made(class: &str, key: &str, value: &str) -> Result<(), Unsupported> {
        let options = Options::parse(&format!("{{\"{key}\": \"{value}\"}}")).unwrap();
        let call = Call { num_inference_steps: Some(5), ..Call::default() };
        Scheduler::new(class, &options, &call).map(|_| ())
    }

    #[test]
    fn each_option_of_words_takes_those_of_the_library_alone() {
        let classes = include_str!("scheduler_classes.txt");
        for (key, ..) in SPELLINGS {
            for class in CLASSES {
                let line = classes.lines().find(|line| line.starts_with(&format!("{class}:"))).unwrap();
                if line.split(' ').any(|option| option == key) {
                    let error = made(class, key, "bogus").unwrap_err().0;
                    assert!(error.starts_with(&format!("{key} = bogus: {class} takes one of ")), "{error}");
                }
            }
        }
        assert!(made("UniPCMultistepScheduler", "solver_type", "bh1").is_ok());
        assert!(made("UniPCMultistepScheduler", "solver_type", "midpoint").is_ok());
        assert!(made("UniPCMultistepScheduler", "solver_type", "bh3").is_err());
        assert!(made("DPMSolverSinglestepScheduler", "algorithm_type", "sde-dpmsolver").is_err());
        assert!(made("EulerDiscreteScheduler", "prediction_type", "original_sample").is_ok());
    }
}

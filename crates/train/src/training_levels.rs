use schedules::{Curve, NoiseLevel, Schedule};

/// The level of each image and what the network is told of it.
///
/// Of a chain that is its timestep, or, to train all levels, one with an alpha drawn evenly between those of the timestep
/// and of the one before (Chen et al. 2020, arXiv 2009.00713, section 3.2), by the image's quantile. Of another law it is
/// the level that a share of the training lies below; the share is the timestep's, with the quantile between two timesteps.
/// Images without a quantile, as in validation, keep their timestep, or have the middle of its share. `continuous` says whether
/// all levels of a chain are trained.
pub(crate) fn training_levels(
    curve: &Curve,
    num_train_timesteps: usize,
    continuous: bool,
    timesteps: &[usize],
    quantiles: &[f64],
) -> (Vec<NoiseLevel>, Vec<f32>) {
    let level = |(image, &timestep): (usize, &usize)| {
        let quantile = quantiles.get(image).copied();
        let share = (timestep as f64 + quantile.unwrap_or(0.5)) / num_train_timesteps as f64;
        let level = match curve {
            Curve::Chain(schedule) => match quantile.filter(|_| continuous) {
                Some(quantile) => between(schedule, timestep, quantile),
                None => return (schedule.level(timestep), timestep as f32),
            },
            // What is drawn below 1 may round to it.
            Curve::Edm(edm) => edm.quantile(share.clamp(1e-9, 1.0 - 1e-9)),
            Curve::Flow { flow, .. } => flow.quantile(share.clamp(1e-9, 1.0 - 1e-9)),
        };
        (level, curve.timestep(level) as f32)
    };
    timesteps.iter().enumerate().map(level).unzip()
}

fn between(schedule: &Schedule, timestep: usize, quantile: f64) -> NoiseLevel {
    let alpha = schedule.level(timestep).alpha;
    let before = if timestep == 0 { 1.0 } else { schedule.level(timestep - 1).alpha };
    NoiseLevel::from_alpha_cumprod((alpha + quantile * (before - alpha)).powi(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Objective, RunConfig};

    fn objective(diffusion: &str, train: &str) -> Objective {
        let text = format!("[dataset]\ntype = \"digits\"\n[diffusion]\n{diffusion}\n[train]\n{train}");
        Objective::new(&toml::from_str::<RunConfig>(&text).unwrap()).unwrap()
    }

    fn levels_of(
        objective: &Objective,
        timesteps: &[usize],
        quantiles: &[f64],
    ) -> (Vec<NoiseLevel>, Vec<f32>) {
        let Objective { curve, num_train_timesteps, continuous, .. } = objective;
        training_levels(curve, *num_train_timesteps, *continuous, timesteps, quantiles)
    }

    #[test]
    fn continuous_levels_lie_between_a_timestep_and_the_one_before() {
        let objective = objective("", "timesteps = \"continuous\"");
        let (levels, told) = levels_of(&objective, &[0, 10, 999], &[0.5, 0.25, 0.0]);
        let alpha = |t: usize| objective.curve.chain().unwrap().level(t).alpha;
        let expected = [(1.0 + alpha(0)) / 2.0, 0.75 * alpha(10) + 0.25 * alpha(9), alpha(999)];
        for (level, expected) in levels.iter().zip(expected) {
            assert!((level.alpha - expected).abs() < 1e-12, "{level:?}");
        }
        assert!(told[0] == 0.0 && told[1] > 9.0 && told[1] < 10.0 && told[2] == 999.0, "{told:?}");
    }

    #[test]
    fn images_without_a_quantile_are_at_the_chains_own_levels() {
        for (train, quantiles) in [("", &[0.3, 0.4, 0.5][..]), ("timesteps = \"continuous\"", &[])] {
            let objective = objective("", train);
            let (levels, told) = levels_of(&objective, &[0, 10, 999], quantiles);
            assert_eq!(levels, [0, 10, 999].map(|t| objective.curve.chain().unwrap().level(t)));
            assert_eq!(told, [0.0, 10.0, 999.0]);
        }
    }

    /// Karras et al. 2022, table 1: `ln sigma ~ N(-1.2, 1.2^2)` and `c_noise = ln(sigma) / 4`.
    #[test]
    fn edms_sigmas_are_log_normal() {
        let objective = objective("schedule = { type = \"edm\" }", "");
        // Half of the training, and one deviation above.
        let (levels, told) = levels_of(&objective, &[500, 841], &[0.0, 0.344_746_068_542_9]);
        assert!((levels[0].sigma.ln() + 1.2).abs() < 1e-9 && levels[1].sigma.ln().abs() < 1e-9);
        assert!((told[0] + 0.3).abs() < 1e-6 && levels[1].alpha == 1.0);
        // Validation has the middle of each share.
        let (levels, _) = levels_of(&objective, &[0, 999], &[]);
        let symmetric = levels[0].sigma.ln() + levels[1].sigma.ln();
        assert!((symmetric + 2.4).abs() < 1e-9, "{symmetric}");
    }

    #[test]
    fn a_flow_is_told_its_time() {
        let objective = objective("schedule = { type = \"flow\" }", "");
        let (levels, told) = levels_of(&objective, &[250, 0, 999], &[0.5, 0.0, 1.0]);
        assert_eq!((levels[0], told[0]), (NoiseLevel::flow(0.2505), 250.5));
        assert!(levels[1].sigma > 0.0 && levels[2].alpha > 0.0, "neither end is reached");
    }
}

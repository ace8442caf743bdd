use schedules::{NoiseLevel, Schedule};

/// The level of each image and what the network is told of it: its timestep, or, to train all levels, one with an alpha
/// drawn evenly between those of the timestep and of the one before (Chen et al. 2020, arXiv 2009.00713, section 3.2), by
/// the image's quantile. Images without a quantile, as in validation, keep their timestep.
pub(crate) fn training_levels(
    schedule: &Schedule,
    timesteps: &[usize],
    quantiles: Option<&[f64]>,
) -> (Vec<NoiseLevel>, Vec<f32>) {
    let level = |(image, &timestep): (usize, &usize)| {
        let level = schedule.level(timestep);
        let Some(share) = quantiles.and_then(|quantiles| quantiles.get(image)) else {
            return (level, timestep as f32);
        };
        let before = if timestep == 0 { 1.0 } else { schedule.level(timestep - 1).alpha };
        let between = NoiseLevel::from_alpha_cumprod((level.alpha + share * (before - level.alpha)).powi(2));
        (between, schedule.timestep(between) as f32)
    };
    timesteps.iter().enumerate().map(level).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schedules::ScheduleConfig;

    #[test]
    fn continuous_levels_lie_between_a_timestep_and_the_one_before() {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        let (levels, told) = training_levels(&schedule, &[0, 10, 999], Some(&[0.5, 0.25, 0.0]));
        let alpha = |t: usize| schedule.level(t).alpha;
        let expected = [(1.0 + alpha(0)) / 2.0, 0.75 * alpha(10) + 0.25 * alpha(9), alpha(999)];
        for (level, expected) in levels.iter().zip(expected) {
            assert!((level.alpha - expected).abs() < 1e-12, "{level:?}");
        }
        assert!(told[0] == 0.0 && told[1] > 9.0 && told[1] < 10.0 && told[2] == 999.0, "{told:?}");
    }

    #[test]
    fn images_without_a_quantile_are_at_the_chains_own_levels() {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        for quantiles in [None, Some(&[][..])] {
            let (levels, told) = training_levels(&schedule, &[0, 10, 999], quantiles);
            assert_eq!(levels, [0, 10, 999].map(|t| schedule.level(t)));
            assert_eq!(told, [0.0, 10.0, 999.0]);
        }
    }
}

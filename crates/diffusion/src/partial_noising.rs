use burn::prelude::*;
use schedules::NoiseLevel;

use crate::DiffusionError;

/// The end of a walk down which an image goes that was noised to its first level (SDEdit, Meng et al. 2022,
/// algorithm 1): the share `strength` of its steps, rounded, and one at least.
///
/// # Errors
///
/// If `strength` is not in `(0, 1]`.
pub fn remaining_levels(levels: &[NoiseLevel], strength: f64) -> Result<&[NoiseLevel], DiffusionError> {
    if !(strength > 0.0 && strength <= 1.0) {
        return Err(DiffusionError::Strength { strength });
    }
    let steps = levels.len().saturating_sub(1);
    let kept = ((steps as f64 * strength).round() as usize).max(1).min(steps);
    Ok(&levels[steps - kept..])
}

/// An image at a level, `alpha image + sigma noise`.
///
/// # Shapes
///
/// - image: `[1 or B, C, H, W]`
/// - noise, result: `[B, C, H, W]`
pub fn noised(image: Tensor<4>, level: NoiseLevel, noise: Tensor<4>) -> Tensor<4> {
    image * level.alpha + noise * level.sigma
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_the_steps_remains() {
        let levels: Vec<_> = (0..=100).map(|i| NoiseLevel::flow(1.0 - f64::from(i) / 100.0)).collect();
        for (strength, steps) in [(1.0, 100), (0.29, 29), (0.5, 50), (0.001, 1)] {
            let remaining = remaining_levels(&levels, strength).unwrap();
            assert_eq!((remaining.len() - 1, remaining[steps]), (steps, NoiseLevel::CLEAN), "{strength}");
        }
        for strength in [0.0, -0.1, 1.01, f64::NAN] {
            assert!(remaining_levels(&levels, strength).is_err(), "{strength}");
        }
    }
}

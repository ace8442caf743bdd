use std::num::NonZeroUsize;

use burn::prelude::*;
use schedules::{NoiseLevel, Posterior};
use serde::{Deserialize, Serialize};

use crate::solver::add_noise;
use crate::{Denoiser, DiffusionError, Known, Solver, Stage};

/// How often [`RePaint`] goes back (Lugmayr et al. 2022, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RePaintConfig {
    /// Levels that a jump goes up.
    pub jump_length: NonZeroUsize,
    /// How often each stretch of that length is walked down; 1 never goes back, which is the replacement method
    /// (Song et al. 2021, appendix I.2).
    pub resamples: NonZeroUsize,
}

impl Default for RePaintConfig {
    /// The paper's 10 and 10.
    fn default() -> Self {
        let ten = NonZeroUsize::MIN.saturating_add(9);
        Self { jump_length: ten, resamples: ten }
    }
}

impl RePaintConfig {
    /// The walk over `levels`, the end last, with its jumps upwards (the paper's appendix B).
    pub fn levels(self, levels: &[NoiseLevel]) -> Vec<NoiseLevel> {
        let jump = self.jump_length.get();
        let steps = levels.len().saturating_sub(1);
        let mut jumps_left = vec![self.resamples.get() - 1; steps];
        let mut place = 0;
        let mut walk = Vec::new();
        while place < steps {
            walk.push(levels[place]);
            let below = steps - 1 - place;
            if below.is_multiple_of(jump) && place >= jump && jumps_left[place] > 0 {
                jumps_left[place] -= 1;
                place -= jump;
            } else {
                place += 1;
            }
        }
        walk.extend(levels.last());
        walk
    }
}

/// Inpainting with any solver (Lugmayr et al. 2022, algorithm 1): after each step the known pixels are the given image,
/// noised to the same level; and the walk goes back up again and again, so that the unknown pixels come to agree with them.
///
/// Walks over [`RePaintConfig::levels`]. Upwards it is the forward process, in one draw; downwards the inner solver's
/// step, which starts anew after each jump.
pub struct RePaint<'a> {
    inner: &'a mut dyn Solver,
    known: Known,
    jump_length: usize,
    /// Steps down since the last jump.
    since_jump: usize,
    /// Steps down to the end, were there no more jumps.
    left: usize,
    believed: Option<Tensor<4>>,
}

impl<'a> RePaint<'a> {
    /// A solver for a walk of `steps` steps, jumps not counted.
    pub fn new(inner: &'a mut dyn Solver, known: Known, config: RePaintConfig, steps: usize) -> Self {
        let jump_length = config.jump_length.get();
        Self { inner, known, jump_length, since_jump: 0, left: steps, believed: None }
    }
}

impl Solver for RePaint<'_> {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let Stage { from, to, .. } = stage;
        if to.ratio() > from.ratio() {
            self.since_jump = 0;
            self.left += self.jump_length;
            let x0 = self.believed.clone().unwrap_or_else(|| x.clone());
            let variance = Posterior::between(to, from).forward_variance;
            return Ok((add_noise(x * (to.alpha / from.alpha), variance, noise), x0));
        }
        let inner = Stage { index: self.since_jump, total: self.since_jump + self.left, ..stage };
        let (x, x0) = self.inner.step(denoiser, x, inner, noise)?;
        self.since_jump += 1;
        self.left = self.left.saturating_sub(1);
        let x0 = self.known.put(x0);
        self.believed = Some(x0.clone());
        let x = if to.sigma == 0.0 { self.known.put(x) } else { self.known.put_noised(x, to, noise()) };
        Ok((x, x0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The walk of the paper's figure with 6 levels, jumps of 2 and each stretch walked down twice.
    #[test]
    fn jumps_are_where_the_paper_has_them() {
        let levels: Vec<_> =
            (0..=6).rev().map(|sigma| NoiseLevel { alpha: 1.0, sigma: f64::from(sigma) }).collect();
        let two = NonZeroUsize::new(2).unwrap();
        let sigmas = |config: RePaintConfig| -> Vec<f64> {
            config.levels(&levels).iter().map(|level| level.sigma).collect()
        };
        let walk = sigmas(RePaintConfig { jump_length: two, resamples: two });
        assert_eq!(walk, [6.0, 5.0, 4.0, 3.0, 5.0, 4.0, 3.0, 2.0, 1.0, 3.0, 2.0, 1.0, 0.0]);
        let once = sigmas(RePaintConfig { jump_length: two, resamples: NonZeroUsize::MIN });
        assert_eq!(once, [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
    }
}

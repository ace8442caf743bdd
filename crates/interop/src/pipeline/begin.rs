use burn::prelude::*;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use diffusion::{DiffusionError, noised};

use super::beside::Beside;
use super::blending::{Blending, Kept};
use super::draw::Noise;
use super::{Drawing, Pipeline, PipelineError, Start};
use crate::Scheduler;
use crate::scheduler_rest::{Trajectory, remaining};

/// A drawing before its first step.
pub(super) struct Beginning {
    /// The noisy image.
    pub(super) x: Tensor<4>,
    /// The steps that are left to take.
    pub(super) walk: Trajectory,
    /// What the network sees beside the image.
    pub(super) beside: Beside,
}

impl Pipeline {
    /// Begins a drawing. Noise is drawn in the reference library's order.
    pub(super) fn begin(
        &self,
        drawing: &Drawing,
        scheduler: &Scheduler,
        walk: Trajectory,
        shape: [usize; 3],
        noise: &mut Noise<'_>,
    ) -> Result<Beginning, PipelineError> {
        let factor = if drawing.sampler.is_some() { 1.0 } else { scheduler.init_noise_sigma };
        match &drawing.start {
            Start::Noise if self.kind.enlarges() => Err(self.refuse("enlarges an image: give one")),
            Start::Noise => Ok(Beginning { x: noise(shape) * factor, walk, beside: Beside::default() }),
            Start::Image { image, strength } => {
                let walk = self.rest(drawing, scheduler, walk, *strength)?;
                let image = self.first_stage.encode(image.clone(), noise);
                let x = noised(image, walk.levels[0], noise(shape));
                Ok(Beginning { x, walk, beside: Beside::default() })
            }
            Start::Inpaint { .. } if !self.kind.fills_masks() => {
                Err(self.refuse("fills no mask: leave it out"))
            }
            Start::Inpaint { image, mask, strength } => {
                let walk = self.rest(drawing, scheduler, walk, *strength)?;
                let factor = (*strength == 1.0).then_some(factor);
                // The library's warm-up of PNDM looks the level of each evaluation up; no other class does.
                let by_evaluation = drawing.sampler.is_some() || scheduler.runge_kutta;
                Ok(self.fill([image, mask], walk, factor, by_evaluation, shape, noise))
            }
            Start::Enlarge { image, noise_level } => {
                let (x, beside) = self.enlarged(image.clone(), *noise_level, shape, noise)?;
                Ok(Beginning { x: x * factor, walk, beside })
            }
        }
    }

    /// Begins to fill a mask from noise times `factor`, or from the noised image if there is no factor.
    fn fill(
        &self,
        [image, mask]: [&Tensor<4>; 2],
        Trajectory { solver, levels }: Trajectory,
        factor: Option<f64>,
        by_evaluation: bool,
        shape: [usize; 3],
        noise: &mut Noise<'_>,
    ) -> Beginning {
        let blends = self.config.in_channels == shape[0];
        let latent = (blends || factor.is_none()).then(|| self.first_stage.encode(image.clone(), noise));
        let drawn = noise(shape);
        let x = match (factor, &latent) {
            (None, Some(latent)) => noised(latent.clone(), levels[0], drawn.clone()),
            (factor, _) => drawn.clone() * factor.unwrap_or(1.0),
        };
        let Some(image) = latent.filter(|_| blends) else {
            let beside = self.masked([image, mask], x.dims()[0], shape, noise);
            return Beginning { x, walk: Trajectory { solver, levels }, beside };
        };
        // The reference library encodes the masked image for these networks too.
        self.first_stage.skip_draw(shape, noise);
        let kept = Kept { image, noise: drawn, mask: latent_mask(mask.clone(), shape) };
        let solver = Box::new(Blending { solver, kept, by_evaluation });
        Beginning { x, walk: Trajectory { solver, levels }, beside: Beside::default() }
    }

    /// Leaves out the first steps, so that the share `strength` remains: rounded down as in the reference library, and at least
    /// one.
    fn rest(
        &self,
        drawing: &Drawing,
        scheduler: &Scheduler,
        walk: Trajectory,
        strength: f64,
    ) -> Result<Trajectory, PipelineError> {
        if !(strength > 0.0 && strength <= 1.0) {
            return Err(DiffusionError::Strength { strength }.into());
        }
        if self.spreads(drawing) {
            return Ok(walk);
        }
        let walked = walk.levels.len().saturating_sub(1);
        let asked = self.sampler.call().num_inference_steps.filter(|_| drawing.sampler.is_none());
        let steps = asked.unwrap_or(walked).min(walked);
        let left_out = (steps - (steps as f64 * strength) as usize).min(walked.saturating_sub(1));
        if drawing.sampler.is_some() {
            return Ok(Trajectory { levels: walk.levels[left_out..].to_vec(), ..walk });
        }
        Ok(remaining(self.sampler.class(), scheduler, walk, left_out))
    }
}

/// A mask `[1 or B, 1, H, W]` of pixels as one of latents.
pub(super) fn latent_mask(mask: Tensor<4>, [_, height, width]: [usize; 3]) -> Tensor<4> {
    let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([height, width]);
    interpolate(mask, options)
}

use burn::prelude::*;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use diffusion::{DiffusionError, noised};

use super::beside::Beside;
use super::blending::{Blending, Kept};
use super::draw::Noise;
use super::{Drawing, Pipeline, PipelineError, Start};
use crate::Scheduler;
use crate::scheduler_rest::{Walk, rest};

/// What is walked, from where, and what the network is shown.
pub(super) struct Beginning {
    pub(super) x: Tensor<4>,
    pub(super) walk: Walk,
    pub(super) beside: Beside,
}

impl Pipeline {
    /// What a drawing begins with, of noise in the order in which the reference library draws it.
    pub(super) fn begin(
        &self,
        drawing: &Drawing,
        scheduler: &Scheduler,
        walk: Walk,
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
                Ok(self.fill([image, mask], walk, factor, scheduler, shape, noise))
            }
            Start::Enlarge { image, noise_level } => {
                let (x, beside) = self.enlarged(image.clone(), *noise_level, shape, noise)?;
                Ok(Beginning { x: x * factor, walk, beside })
            }
        }
    }

    /// Where a mask is filled: from noise times `factor`, or without one from the image, noised.
    fn fill(
        &self,
        [image, mask]: [&Tensor<4>; 2],
        Walk { solver, levels }: Walk,
        factor: Option<f64>,
        scheduler: &Scheduler,
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
            return Beginning { x, walk: Walk { solver, levels }, beside };
        };
        // The reference library encodes the masked image for these networks too.
        self.first_stage.skip_draw(shape, noise);
        let kept = Kept { image, noise: drawn, mask: latent_mask(mask.clone(), shape) };
        let solver = Box::new(Blending { solver, kept, by_evaluation: scheduler.runge_kutta });
        Beginning { x, walk: Walk { solver, levels }, beside: Beside::default() }
    }

    /// What is walked with a strength: that share of the steps, rounded down as the reference library has it, one at least.
    fn rest(
        &self,
        drawing: &Drawing,
        scheduler: &Scheduler,
        walk: Walk,
        strength: f64,
    ) -> Result<Walk, PipelineError> {
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
            return Ok(Walk { levels: walk.levels[left_out..].to_vec(), ..walk });
        }
        Ok(rest(self.sampler.class(), scheduler, walk, left_out))
    }
}

/// A mask `[1 or B, 1, H, W]` of pixels as one of latents.
pub(super) fn latent_mask(mask: Tensor<4>, [_, height, width]: [usize; 3]) -> Tensor<4> {
    let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([height, width]);
    interpolate(mask, options)
}

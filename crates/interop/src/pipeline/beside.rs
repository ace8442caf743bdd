use burn::prelude::*;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use diffusion::noised;
use unet::{ClassInput, Condition};

use super::begin::latent_mask;
use super::draw::Noise;
use super::folder::Noising;
use super::{Pipeline, PipelineError, PipelineKind};

/// What is shown to the network beside the image that it denoises.
#[derive(Default)]
pub(super) struct Beside {
    /// Concatenated to it.
    pub(super) image: Option<Tensor<4>>,
    /// What it is told of that image.
    pub(super) class: Option<Condition>,
}

impl Pipeline {
    /// The small image, noised, and enlarged where the network draws pixels; with the noise that the drawing begins with,
    /// in the order in which the reference library draws them.
    pub(super) fn enlarged(
        &self,
        image: Tensor<4>,
        level: usize,
        shape @ [_, height, width]: [usize; 3],
        noise: &mut Noise<'_>,
    ) -> Result<(Tensor<4>, Beside), PipelineError> {
        let Some(Noising { schedule, most }) = &self.noising else {
            return Err(self.refuse("enlarges no image"));
        };
        let rows = self.config.class_rows().filter(|_| self.config.class_input == ClassInput::Label);
        let most = rows.map_or(*most, |rows| (*most).min(rows - 1));
        if level > most {
            return Err(PipelineError::NoiseLevel { level, most });
        }
        let [_, channels, low_height, low_width] = image.dims();
        let level_of_noise = schedule.level(level);
        let (x, image) = if self.kind == PipelineKind::IfUpscale {
            let x = noise(shape);
            let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(true);
            let image = interpolate(image, options.with_output_size([height, width]));
            (x, noised(image, level_of_noise, noise([channels, height, width])))
        } else {
            let image = noised(image, level_of_noise, noise([channels, low_height, low_width]));
            (noise(shape), image)
        };
        // One image may be enlarged several times.
        let [batch, ..] = x.dims();
        let [_, channels, height, width] = image.dims();
        let image = image.expand([batch, channels, height, width]);
        let class = match self.config.class_input {
            ClassInput::Label => Condition::Labels(Tensor::full([batch], level as i64, &self.device)),
            ClassInput::Number => Condition::Numbers(Tensor::full([batch], level as f64, &self.device)),
            _ => return Err(self.lacks("a vector for a class")),
        };
        Ok((x, Beside { image: Some(image), class: Some(class) }))
    }

    /// A mask and the latent of what it leaves, for a network that was trained to fill it.
    pub(super) fn masked(
        &self,
        [image, mask]: [&Tensor<4>; 2],
        batch: usize,
        shape @ [channels, height, width]: [usize; 3],
        noise: &mut Noise<'_>,
    ) -> Beside {
        let left = image.clone() * (mask.clone() * -1.0 + 1.0);
        let left = self.first_stage.encode(left, noise).expand([batch, channels, height, width]);
        let mask = latent_mask(mask.clone(), shape).expand([batch, 1, height, width]);
        Beside { image: Some(Tensor::cat(vec![mask, left], 1)), class: None }
    }

    /// Refuses what the network's first convolution would not take.
    pub(super) fn check_channels(
        &self,
        [channels, ..]: [usize; 3],
        beside: &Beside,
    ) -> Result<(), PipelineError> {
        let shown = beside.image.as_ref().map_or(0, |image| image.dims()[1]);
        match self.config.in_channels.checked_sub(channels) {
            Some(wanted) if wanted == shown => Ok(()),
            Some(1..) if shown == 0 => Err(self.refuse("fills a mask: give an image and a mask")),
            _ => Err(self.lacks("another image beside the one that it draws")),
        }
    }
}

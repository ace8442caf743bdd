use burn::prelude::*;
use unet::{AddedInput, ClassInput, Condition, Conditions, ContextInput};

use super::{Drawing, Embeddings, ImageSizes, Pipeline, PipelineError};

/// Aesthetic scores of what is drawn and of what it is guided away from, as the reference library has them.
const WANTED_SCORE: f32 = 6.0;
const UNWANTED_SCORE: f32 = 2.5;

impl Pipeline {
    /// What the images are guided away from, if they are.
    pub(super) fn negative<'a>(&self, drawing: &'a Drawing) -> Option<&'a Embeddings> {
        let told = self.config.time_condition_channels.is_some();
        drawing.negative.as_ref().filter(|_| self.kind.guides(drawing.guidance.scale) && !told)
    }

    pub(super) fn conditions(
        &self,
        drawing: &Drawing,
        embeddings: Option<&Embeddings>,
        size: [usize; 2],
        class: Option<Condition>,
        wanted: bool,
    ) -> Result<Conditions, PipelineError> {
        let classless = self.config.class_input == ClassInput::Label && self.config.num_classes.is_none();
        if class.is_none() && !classless {
            return Err(self.lacks("a class"));
        }
        if embeddings.is_none() && self.config.context.is_some() {
            return Err(self.lacks("a prompt"));
        }
        if let Some(embeddings) = embeddings {
            self.check_text(embeddings)?;
        }
        let pooled = embeddings.and_then(|embeddings| embeddings.pooled.clone());
        let sizes = match self.config.added_input {
            AddedInput::TextAndSizes { .. } if pooled.is_none() => return Err(self.lacks("a pooled text")),
            AddedInput::TextAndSizes { channels, size_channels } => {
                let text = pooled.as_ref().map_or(0, |pooled| pooled.dims()[1]);
                let numbers = channels.saturating_sub(text) / size_channels;
                if text + numbers * size_channels != channels {
                    let wanted = channels.saturating_sub(numbers * size_channels);
                    return Err(self.misfit(text, wanted));
                }
                Some(self.sizes(drawing, size, numbers, wanted)?)
            }
            AddedInput::Nothing | AddedInput::Text { .. } => None,
            AddedInput::Image { .. } | AddedInput::TextAndImage => {
                return Err(self.lacks("an image's embedding"));
            }
        };
        Ok(Conditions {
            class,
            text: embeddings.map(|embeddings| embeddings.text.clone().cast(self.dtype)),
            pooled_text: pooled.filter(|_| sizes.is_some()).map(|pooled| pooled.cast(self.dtype)),
            sizes,
            time: self.config.time_condition_channels.map(|channels| self.told_scale(drawing, channels)),
            ..Conditions::default()
        })
    }

    /// Refuses an encoded text that the network's layers would not take.
    fn check_text(&self, embeddings: &Embeddings) -> Result<(), PipelineError> {
        let [.., found] = embeddings.text.dims();
        let wanted = self.config.context.and_then(|context| match context.input {
            ContextInput::Text => Some(context.channels),
            ContextInput::ProjectedText(text) | ContextInput::ImageAndText(text) => Some(text),
            ContextInput::Image(_) => None,
        });
        match wanted {
            Some(wanted) if wanted != found => Err(self.misfit(found, wanted)),
            _ => Ok(()),
        }
    }

    fn misfit(&self, found: usize, wanted: usize) -> PipelineError {
        PipelineError::TextChannels { class: self.class.clone(), found, wanted }
    }

    /// The numbers that Stable Diffusion XL is told, one row for each image: the sizes, or for its refiner an aesthetic
    /// score in the place of the last.
    fn sizes(
        &self,
        drawing: &Drawing,
        size: [usize; 2],
        numbers: usize,
        wanted: bool,
    ) -> Result<Tensor<2>, PipelineError> {
        let ImageSizes { original, crop, target } =
            drawing.negative_sizes.filter(|_| !wanted).unwrap_or(drawing.sizes);
        let [original, target] = [original, target].map(|told| told.unwrap_or(size));
        let mut told: Vec<f32> = [original, crop].concat().iter().map(|&side| side as f32).collect();
        match numbers {
            5 => told.push(if wanted { WANTED_SCORE } else { UNWANTED_SCORE }),
            6 => told.extend(target.map(|side| side as f32)),
            _ => return Err(self.lacks("other numbers than sizes and an aesthetic score")),
        }
        let row = Tensor::<1>::from_floats(told.as_slice(), &self.device).unsqueeze::<2>();
        Ok(row.repeat_dim(0, drawing.batch))
    }

    /// The guidance scale as a distilled network is told it (Meng et al. 2023): sinusoids of a thousand times the scale
    /// less one.
    fn told_scale(&self, drawing: &Drawing, channels: usize) -> Tensor<2> {
        let (half, scale) = (channels / 2, 1000.0 * (drawing.guidance.scale - 1.0));
        let angle = |i: usize| scale * 10_000_f64.powf(-(i as f64) / (half as f64 - 1.0));
        let mut row: Vec<f32> = (0..half).map(|i| angle(i).sin() as f32).collect();
        row.extend((0..half).map(|i| angle(i).cos() as f32));
        row.resize(channels, 0.0);
        Tensor::<1>::from_floats(row.as_slice(), &self.device)
            .unsqueeze::<2>()
            .repeat_dim(0, drawing.batch)
            .cast(self.dtype)
    }
}

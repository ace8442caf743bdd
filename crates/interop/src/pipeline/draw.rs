use std::cell::RefCell;
use std::ops::ControlFlow;

use burn::prelude::*;
use burn::tensor::DType;
use diffusion::{Denoiser, Step, sample};
use unet::{ClassInput, Condition, ForwardError};

use super::begin::Beginning;
use super::beside::Beside;
use super::{Drawing, Embeddings, Guidance, Pipeline, PipelineError, PipelineKind, Start};
use crate::Scheduler;
use crate::scheduler_rest::Trajectory;

/// No image is larger.
const MAX_SIDE: usize = 16_384;

/// Draws standard normal images of the batch, each of the given `[C, H, W]`.
pub(super) type Noise<'a> = dyn FnMut([usize; 3]) -> Tensor<4> + 'a;

impl Pipeline {
    /// Draws what [`FirstStage::decode`](super::FirstStage::decode) makes images of.
    ///
    /// # Errors
    ///
    /// If the drawing is not one that this pipeline can make, or the observer stops it.
    pub fn draw(
        &self,
        drawing: &Drawing,
        noise: &mut Noise<'_>,
        observer: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Tensor<4>, PipelineError> {
        let (scheduler, walk) = self.walk(drawing)?;
        let shape = self.latent_shape(drawing)?;
        let Beginning { x, walk: Trajectory { mut solver, levels }, beside } =
            self.begin(drawing, &scheduler, walk, shape, noise)?;
        self.check_channels(shape, &beside)?;
        let beside = Beside { class: self.labelled(drawing)?.or(beside.class), ..beside };
        let refused = RefCell::new(None);
        let denoiser = self.denoiser(&scheduler, drawing, shape, beside, &refused)?;
        let mut step_noise = || noise(shape);
        let x = sample(denoiser.as_ref(), solver.as_mut(), &levels, x, &mut step_noise, observer)?;
        drop(denoiser);
        refused.into_inner().map_or(Ok(x), |error| Err(PipelineError::Forward(error)))
    }

    fn walk(&self, drawing: &Drawing) -> Result<(Scheduler, Trajectory), PipelineError> {
        let sampler = match &drawing.start {
            // Its steps are spread over what remains, instead of being left out.
            Start::Image { strength, .. } if self.spreads(drawing) => {
                self.sampler.clone().called(|call| call.strength = Some(*strength))?
            }
            _ => self.sampler.clone(),
        };
        let (scheduler, solver) = sampler.scheduler()?;
        let Some(sampler) = &drawing.sampler else {
            let levels = scheduler.grid.levels();
            return Ok((scheduler, Trajectory { solver, levels }));
        };
        let curve = scheduler.grid.curve();
        if curve.chain().is_none() {
            return Err(PipelineError::NoChain { class: self.sampler.class().to_owned() });
        }
        let (solver, levels) = (sampler.solver.init(curve), sampler.levels(curve)?);
        Ok((scheduler, Trajectory { solver, levels }))
    }

    /// Whether all steps are walked from an image, as the reference library does with a distilled model.
    pub(super) fn spreads(&self, drawing: &Drawing) -> bool {
        let distilled =
            self.kind == PipelineKind::LatentConsistency && self.sampler.class() == "LCMScheduler";
        distilled && drawing.sampler.is_none()
    }

    /// `[C, H, W]` of what is drawn.
    fn latent_shape(&self, drawing: &Drawing) -> Result<[usize; 3], PipelineError> {
        let factor = self.first_stage.factor();
        let size = match &drawing.start {
            Start::Enlarge { image, .. } if self.kind == PipelineKind::StableDiffusionUpscale => {
                let [.., height, width] = image.dims();
                return self.checked([height, width], 1);
            }
            Start::Image { image, .. } | Start::Inpaint { image, .. } => {
                let [.., height, width] = image.dims();
                Some([height, width])
            }
            Start::Noise | Start::Enlarge { .. } => drawing.size.or(self.size()),
        };
        match size {
            Some(size) => self.checked(size, factor),
            None => Err(self.refuse("does not say how large its images are: give a size")),
        }
    }

    fn checked(&self, [height, width]: [usize; 2], factor: usize) -> Result<[usize; 3], PipelineError> {
        let multiple = factor * self.config.size_multiple();
        let fits = |side: usize| (1..=MAX_SIDE).contains(&side) && side.is_multiple_of(multiple);
        if !fits(height) || !fits(width) {
            return Err(PipelineError::Size { height, width, multiple });
        }
        self.check_memory([height, width])?;
        Ok([self.first_stage.channels(), height / factor, width / factor])
    }

    fn denoiser<'a>(
        &'a self,
        scheduler: &'a Scheduler,
        drawing: &Drawing,
        [channels, height, width]: [usize; 3],
        beside: Beside,
        refused: &'a RefCell<Option<ForwardError>>,
    ) -> Result<Box<dyn Denoiser + 'a>, PipelineError> {
        let factor = self.first_stage.factor();
        let size = [height * factor, width * factor];
        let Beside { image, class } = beside;
        let answer = |embeddings: Option<&Embeddings>, wanted: bool| {
            let conditions = self.conditions(drawing, embeddings, size, class.clone(), wanted)?;
            let image = image.clone();
            let learned = scheduler.variance.is_some();
            let empty = Tensor::zeros([1, self.config.out_channels, height, width], &self.device);
            Ok::<_, PipelineError>(move |x: Tensor<4>, timestep: f64| {
                let timesteps = Tensor::<1>::full([x.dims()[0]], timestep, &x.device());
                let x = match &image {
                    Some(image) => Tensor::cat(vec![x, image.clone()], 1),
                    None => x,
                };
                let output = self.net.forward_with(x.cast(self.dtype), timesteps, conditions.clone());
                let refuse = |error| {
                    *refused.borrow_mut() = Some(error);
                    empty.clone()
                };
                let output = output.unwrap_or_else(refuse).cast(DType::F32);
                // Of a variance that this scheduler does not use.
                if learned { output } else { output.narrow(1, 0, channels) }
            })
        };
        let conditional = answer(drawing.prompt.as_ref(), true)?;
        Ok(match self.negative(drawing) {
            Some(negative) => {
                let Guidance { scale, rescale } = drawing.guidance;
                scheduler.guided(conditional, answer(Some(negative), false)?, scale, rescale)
            }
            None => scheduler.denoiser(conditional),
        })
    }

    /// The classes of the images, where the network knows classes.
    fn labelled(&self, drawing: &Drawing) -> Result<Option<Condition>, PipelineError> {
        let classes = self.classes();
        let Some(labels) = &drawing.labels else { return Ok(None) };
        if classes == 0 {
            return Err(self.refuse("knows no classes"));
        }
        if let Some(&label) = labels.iter().find(|label| **label >= classes) {
            return Err(PipelineError::Class { label, last: classes - 1 });
        }
        let labels: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
        let labels = Tensor::from_data(TensorData::new(labels, [drawing.batch]), &self.device);
        Ok(Some(Condition::Labels(labels)))
    }

    /// How many classes images may be of; none where the network is told something else of them.
    pub fn classes(&self) -> usize {
        match (self.kind, self.config.class_input) {
            (PipelineKind::Ldm, ClassInput::Label) => self.config.class_rows().unwrap_or(0),
            _ => 0,
        }
    }

    pub(super) fn refuse(&self, wants: &'static str) -> PipelineError {
        PipelineError::Start { class: self.class.clone(), wants }
    }

    pub(super) fn lacks(&self, input: &'static str) -> PipelineError {
        PipelineError::Input { class: self.class.clone(), input }
    }
}

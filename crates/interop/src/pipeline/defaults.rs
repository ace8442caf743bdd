use super::PipelineKind;

/// What a pipeline does with an image. The reference library has a class for each, with defaults of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Draws from noise, beside a small image where it enlarges one.
    Generate,
    /// Changes an image.
    Change,
    /// Draws a masked part of an image anew.
    Fill,
}

/// What the reference library's class of a kind and a task draws with, unless it is called otherwise (diffusers 0.42.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Defaults {
    /// Denoising steps.
    pub steps: usize,
    /// Guidance scale.
    pub guidance_scale: f64,
    /// Share of the steps that is walked from an image. A class that begins with none has none, and it is 1.
    pub strength: f64,
}

impl Defaults {
    /// Those of a kind and a task.
    pub fn of(kind: PipelineKind, task: Task) -> Self {
        let (steps, guidance_scale, strength) = match (kind, task) {
            (PipelineKind::Ldm | PipelineKind::LdmText, _) => (50, 1.0, 1.0),
            (PipelineKind::StableDiffusion, Task::Change) => (50, 7.5, 0.8),
            (PipelineKind::StableDiffusion, _) => (50, 7.5, 1.0),
            (PipelineKind::LatentConsistency, Task::Change) => (4, 8.5, 0.8),
            (PipelineKind::LatentConsistency, _) => (4, 8.5, 1.0),
            (PipelineKind::StableDiffusionUpscale, _) => (75, 9.0, 1.0),
            (PipelineKind::StableDiffusionXl, Task::Generate) => (50, 5.0, 1.0),
            (PipelineKind::StableDiffusionXl, Task::Change) => (50, 5.0, 0.3),
            (PipelineKind::StableDiffusionXl, Task::Fill) => (50, 7.5, 0.9999),
            (PipelineKind::If, Task::Change) => (80, 10.0, 0.7),
            (PipelineKind::If, _) => (100, 7.0, 1.0),
            (PipelineKind::IfUpscale, _) => (50, 4.0, 1.0),
        };
        Self { steps, guidance_scale, strength }
    }
}

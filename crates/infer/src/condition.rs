use diffusion::{Denoiser, Limit};
use train::{Network, TrainedModel};

use crate::classifier_guide::ClassifierGuide;

/// What a model is told of the images that it draws, and what is made of its predictions.
pub struct Condition<'a> {
    /// The class of each image.
    pub labels: Option<&'a [usize]>,
    /// Classifier-free guidance; 1 is off.
    pub guidance_scale: f64,
    /// A classifier that leads to the classes.
    pub guide: Option<&'a ClassifierGuide>,
    /// How clean images are limited, where not as the model has it.
    pub limit: Option<Limit>,
}

impl Condition<'_> {
    /// The model's denoiser under it.
    pub fn denoiser<'m, N: Network>(&'m self, model: &'m TrainedModel<N>) -> Box<dyn Denoiser + 'm> {
        let limit = self.limit.or(model.own_limit());
        let towards = self.labels.zip(self.guide);
        let towards = towards.map(|(labels, guide)| (guide.classifier.towards(labels), guide.scale));
        model.denoiser_towards(limit, self.labels, self.guidance_scale, towards)
    }
}

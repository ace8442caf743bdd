use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::case::{Case, CaseError};
use crate::Call;
use crate::pipeline::ImageSizes;

/// The recorded call of a pipeline.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    pub batch_size: Option<usize>,
    #[serde(deserialize_with = "one_or_more")]
    prompt: Vec<String>,
    #[serde(deserialize_with = "one_or_more")]
    negative_prompt: Vec<String>,
    num_images_per_prompt: Option<usize>,
    num_inference_steps: Option<usize>,
    original_inference_steps: Option<usize>,
    timesteps: Option<Vec<f64>>,
    sigmas: Option<Vec<f64>>,
    pub guidance_scale: Option<f64>,
    pub guidance_rescale: Option<f64>,
    pub clip_skip: Option<usize>,
    eta: Option<f64>,
    height: Option<usize>,
    width: Option<usize>,
    original_size: Option<[usize; 2]>,
    crops_coords_top_left: Option<[usize; 2]>,
    target_size: Option<[usize; 2]>,
    negative_original_size: Option<[usize; 2]>,
    negative_crops_coords_top_left: Option<[usize; 2]>,
    negative_target_size: Option<[usize; 2]>,
    pub strength: Option<f64>,
    pub noise_level: Option<usize>,
    // What changes no image here.
    clean_caption: bool,
    output_type: Option<String>,
    use_clipped_model_output: Option<Value>,
}

/// A text, or a list of them.
fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Texts {
        One(String),
        More(Vec<String>),
    }
    Ok(match Texts::deserialize(from)? {
        Texts::One(text) => vec![text],
        Texts::More(texts) => texts,
    })
}

impl Asked {
    pub(super) fn read(case: &Case) -> Result<Self, CaseError> {
        let mut arguments: Map<String, Value> = case.value("call")?;
        arguments.retain(|_, value| !value.is_null());
        serde_json::from_value(arguments.into())
            .map_err(|error| CaseError::Unsupported(format!("the call: {error}")))
    }

    /// The call of the scheduler, where `own` is that of the pipeline unless it is told otherwise.
    pub(super) fn call(&self, own: &Call) -> Call {
        let listed = self.timesteps.is_some() || self.sigmas.is_some();
        Call {
            num_inference_steps: self.num_inference_steps.or(own.num_inference_steps).filter(|_| !listed),
            timesteps: self.timesteps.clone(),
            sigmas: self.sigmas.clone(),
            original_inference_steps: self.original_inference_steps,
            eta: self.eta.or(own.eta),
            ..Call::default()
        }
    }

    /// The prompt of each image.
    pub(super) fn prompts(&self) -> Vec<String> {
        self.for_each_image(&self.prompt)
    }

    /// The negative prompt of each image, or one for all; none if the call has none.
    pub(super) fn negatives(&self) -> Option<Vec<String>> {
        match &self.negative_prompt[..] {
            [] => None,
            [one] => Some(vec![one.clone(); self.prompts().len()]),
            more => Some(self.for_each_image(more)),
        }
    }

    fn for_each_image(&self, texts: &[String]) -> Vec<String> {
        let times = self.num_images_per_prompt.unwrap_or(1);
        texts.iter().flat_map(|text| std::iter::repeat_n(text.clone(), times)).collect()
    }

    pub(super) fn size(&self) -> Option<[usize; 2]> {
        self.height.zip(self.width).map(|(height, width)| [height, width])
    }

    /// What Stable Diffusion XL is told of the images.
    pub(super) fn sizes(&self) -> ImageSizes {
        ImageSizes {
            original: self.original_size,
            crop: self.crops_coords_top_left.unwrap_or_default(),
            target: self.target_size,
        }
    }

    /// What it is told of what they are guided away from, if that is anything else. The class that draws from noise reads it
    /// only where both sizes are given. The others put the images' own for what is not, and of the crops they read the
    /// negative one `with_scores` only.
    pub(super) fn negative_sizes(&self, class: &str, with_scores: bool) -> Option<ImageSizes> {
        let (original, target) = (self.negative_original_size, self.negative_target_size);
        let crop = self.negative_crops_coords_top_left.unwrap_or_default();
        if class == "StableDiffusionXLPipeline" {
            return original.and(target).map(|_| ImageSizes { original, crop, target });
        }
        Some(ImageSizes {
            original: original.or(self.original_size),
            crop: if with_scores { crop } else { self.sizes().crop },
            target: target.or(self.target_size),
        })
    }
}

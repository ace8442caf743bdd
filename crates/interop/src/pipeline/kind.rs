/// What a folder with a `model_index.json` draws, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineKind {
    /// Latent images from noise (Rombach et al. 2022).
    Ldm,
    /// Latent images from a text that LDMBert reads (Rombach et al. 2022, section 4.3.1).
    LdmText,
    /// Stable Diffusion 1 and 2.
    StableDiffusion,
    /// Stable Diffusion, distilled to a few steps (Luo et al. 2023).
    LatentConsistency,
    /// Stable Diffusion's upscaler: the small image is concatenated to the latent one.
    StableDiffusionUpscale,
    /// Stable Diffusion XL: two text encoders, and sizes beside the text (Podell et al. 2023).
    StableDiffusionXl,
    /// DeepFloyd IF's first stage: pixels from a text that T5 reads.
    If,
    /// DeepFloyd IF's second stage: the enlarged image is concatenated to the drawn one.
    IfUpscale,
}

/// The parts that a pipeline is made of, by their names in `model_index.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Tokenizers, each with the encoder that reads its tokens.
    pub text: &'static [(&'static str, &'static str)],
    /// What decodes latents.
    pub first_stage: Option<&'static str>,
    /// The scheduler that noises the small image.
    pub noising: Option<&'static str>,
}

impl PipelineKind {
    /// That of a class of the reference library; several of its classes are one of ours with other arguments.
    pub fn of_class(class: &str) -> Option<Self> {
        Some(match class {
            "LDMPipeline" => Self::Ldm,
            "LDMTextToImagePipeline" => Self::LdmText,
            "StableDiffusionPipeline"
            | "StableDiffusionImg2ImgPipeline"
            | "StableDiffusionInpaintPipeline" => Self::StableDiffusion,
            "LatentConsistencyModelPipeline" | "LatentConsistencyModelImg2ImgPipeline" => {
                Self::LatentConsistency
            }
            "StableDiffusionUpscalePipeline" => Self::StableDiffusionUpscale,
            "StableDiffusionXLPipeline"
            | "StableDiffusionXLImg2ImgPipeline"
            | "StableDiffusionXLInpaintPipeline" => Self::StableDiffusionXl,
            "IFPipeline" | "IFImg2ImgPipeline" => Self::If,
            "IFSuperResolutionPipeline" => Self::IfUpscale,
            _ => return None,
        })
    }

    pub(crate) fn parts(self) -> Parts {
        const CLIP: &[(&str, &str)] = &[("tokenizer", "text_encoder")];
        const TWO: &[(&str, &str)] = &[("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2")];
        let (text, first_stage, noising): (&'static [(&str, &str)], _, _) = match self {
            Self::Ldm => (&[], Some("vqvae"), None),
            Self::LdmText => (&[("tokenizer", "bert")], Some("vqvae"), None),
            Self::StableDiffusion | Self::LatentConsistency => (CLIP, Some("vae"), None),
            Self::StableDiffusionUpscale => (CLIP, Some("vae"), Some("low_res_scheduler")),
            Self::StableDiffusionXl => (TWO, Some("vae"), None),
            Self::If => (CLIP, None, None),
            Self::IfUpscale => (CLIP, None, Some("image_noising_scheduler")),
        };
        Parts { text, first_stage, noising }
    }

    /// Whether a small image is enlarged.
    pub fn enlarges(self) -> bool {
        matches!(self, Self::StableDiffusionUpscale | Self::IfUpscale)
    }

    /// Whether a mask is filled: by a network that is shown it, or by any other with what is kept put back at each step.
    pub fn fills_masks(self) -> bool {
        matches!(self, Self::StableDiffusion | Self::StableDiffusionXl)
    }

    /// Whether images are guided with a scale, as the reference library's class decides it: above 1 for most.
    pub fn guides(self, scale: f64) -> bool {
        match self {
            Self::Ldm | Self::LatentConsistency => false,
            Self::LdmText => scale != 1.0,
            _ => scale > 1.0,
        }
    }

    /// The level of the noise that is added to the small image, unless told otherwise.
    pub fn default_noise_level(self) -> usize {
        if self == Self::IfUpscale { 250 } else { 20 }
    }
}

use burn::prelude::*;
use diffusion::SamplerConfig;

/// What the text encoders made of the prompts of a batch.
#[derive(Clone, Debug)]
pub struct Embeddings {
    /// The encoded texts `[B, S, C]`.
    pub text: Tensor<3>,
    /// One vector for each text `[B, C]`, where the network takes one.
    pub pooled: Option<Tensor<2>>,
}

/// Classifier-free guidance, as [`ClassifierFree`](diffusion::ClassifierFree) has it; [`PipelineKind::guides`](super::PipelineKind::guides)
/// says with which scales there is any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guidance {
    /// Guidance scale.
    pub scale: f64,
    /// How far the guided output is given back the deviation of the conditional one.
    pub rescale: f64,
}

/// Sizes that Stable Diffusion XL is told, height first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageSizes {
    /// Of the image before it was cropped; the size that is drawn unless given.
    pub original: Option<[usize; 2]>,
    /// Top left corner of the crop.
    pub crop: [usize; 2],
    /// Of the image that is drawn; the true one unless given.
    pub target: Option<[usize; 2]>,
}

/// What the images begin with.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one for a batch of images")]
pub enum Start {
    /// Noise.
    Noise,
    /// Images `[B, 3, H, W]` in `[-1, 1]`, noised; the share `strength` of the steps is walked (Meng et al. 2022).
    Image {
        /// The images.
        image: Tensor<4>,
        /// In `(0, 1]`.
        strength: f64,
    },
    /// Noise where a mask is 1, or with less `strength` the images noised. A network of nine channels is shown the rest of
    /// the images; around what any other draws, they are put back at each step.
    Inpaint {
        /// The images `[B, 3, H, W]` in `[-1, 1]`.
        image: Tensor<4>,
        /// `[1 or B, 1, H, W]`, 1 where the image is drawn anew, 0 where it stays.
        mask: Tensor<4>,
        /// The share of the steps that is walked, in `(0, 1]`.
        strength: f64,
    },
    /// Noise, beside small images that are enlarged.
    Enlarge {
        /// The small images `[B, 3, h, w]` in `[-1, 1]`.
        image: Tensor<4>,
        /// The timestep whose noise is added to them.
        noise_level: usize,
    },
}

/// What a pipeline is asked to draw.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// How many images.
    pub batch: usize,
    /// What they show; none for a pipeline without text.
    pub prompt: Option<Embeddings>,
    /// What they do not show, where they are guided.
    pub negative: Option<Embeddings>,
    /// Their classes, of a network that knows classes instead of texts.
    pub labels: Option<Vec<usize>>,
    /// How they are guided.
    pub guidance: Guidance,
    /// Height and width in pixels; the pipeline's own unless given.
    pub size: Option<[usize; 2]>,
    /// What Stable Diffusion XL is told.
    pub sizes: ImageSizes,
    /// The same of what they are guided away from; no other unless given.
    pub negative_sizes: Option<ImageSizes>,
    /// What they begin with.
    pub start: Start,
    /// A walk other than that of the folder's scheduler.
    pub sampler: Option<SamplerConfig>,
}

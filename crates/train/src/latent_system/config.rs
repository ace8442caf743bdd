use std::path::{Path, PathBuf};

use data::DatasetConfig;
use diffusion::SamplerConfig;
use serde::{Deserialize, Serialize};
use text::WordEncoderConfig;
use unet::UNetConfig;

use super::concat::ConcatConfig;
use super::phrases::Phrases;
use crate::error::TrainError;
use crate::evaluation::EvalConfig;
use crate::system::load_config;
use crate::{DiffusionConfig, RunConfig, TrainConfig};

/// Everything that decides what a run of latent diffusion learns: its `config.toml`.
///
/// In a config file every key may be left out but `system`, `[dataset]` and `first_stage.run` or `first_stage.model`; an
/// unknown key is an error. Keys of `[model]` that the first stage and the data decide are filled in from them: `image_size`, in latent
/// pixels, `in_channels`, `out_channels`, `num_classes` and `context`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatentRunConfig {
    /// Says that this is one.
    pub system: LatentName,
    /// The one seed: weights, batches, noise and previews.
    #[serde(default)]
    pub seed: u64,
    /// Names of the classes, by which `infer --labels` may call them; filled in from data that have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Vec<String>>,
    /// Classes that no training image shows, which previews and `infer` draw only if asked to; filled in from the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty_classes: Vec<usize>,
    /// The images.
    pub dataset: DatasetConfig,
    /// What makes latents of them.
    pub first_stage: FirstStageSource,
    /// What the network is shown beside the latent that it denoises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concat: Option<ConcatConfig>,
    /// How the network is told what to draw by the captions of the images, instead of their classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextConfig>,
    /// The network, whose images are latents.
    #[serde(default)]
    pub model: UNetConfig,
    /// What the network predicts, and along which chain.
    #[serde(default)]
    pub diffusion: DiffusionConfig,
    /// How it is trained.
    #[serde(default)]
    pub train: TrainConfig,
    /// How previews are drawn, and how `infer` draws unless told otherwise.
    #[serde(default)]
    pub sample: SamplerConfig,
}

/// The key `system` of latent diffusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LatentName {
    /// The second stage of latent diffusion.
    Latent,
}

/// A first stage that is not trained any more: that of a run or of a folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstStageSource {
    /// The run that trained it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<PathBuf>,
    /// A folder of the diffusers library with an `AutoencoderKL` or a `VQModel`: its own, or that of a pipeline which has one
    /// as `vae` or `vqvae`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// SHA-256 of its weights; filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// What its latents are multiplied by for unit variance, measured on the first images and filled in (Rombach et al.
    /// 2022, appendix G).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

/// Captions, and what encodes them: words, by an encoder that is trained with the network; or a pretrained encoder, which is
/// not trained any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextConfig {
    /// A folder with a pretrained CLIP or T5 encoder and its tokenizer, beside each other or as `text_encoder` and `tokenizer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// SHA-256 of its files; filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Words of a text at most, and one more for its end; of a pretrained encoder, its tokens, as many as it reads if left
    /// out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// The most words that are known: the most frequent of the captions.
    pub max_words: usize,
    /// Tokens that there are; filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<usize>,
    /// Channels of the encoder's states; filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// The encoder of words.
    pub encoder: WordEncoderConfig,
    /// Which phrases of a caption, separated by commas, a training step shows.
    #[serde(skip_serializing_if = "Phrases::is_all")]
    pub phrases: Phrases,
    /// What previews show, in turn; the captions of images that are validated on if empty.
    pub preview: Vec<String>,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            model: None,
            weights: None,
            context: None,
            max_words: 10_000,
            vocabulary: None,
            channels: None,
            encoder: WordEncoderConfig::default(),
            phrases: Phrases::All,
            preview: Vec::new(),
        }
    }
}

impl TextConfig {
    /// Words of a text at most, and one more for its end, where words are trained.
    pub(super) fn words_context(&self) -> usize {
        self.context.unwrap_or(16)
    }
}

impl LatentRunConfig {
    /// Reads the configuration that a run was trained with.
    ///
    /// # Errors
    ///
    /// If there is no run, or its configuration does not parse or fit.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        load_config(path)
    }

    /// The same as a run whose images are the latents.
    pub fn of_latents(&self) -> RunConfig {
        RunConfig {
            seed: self.seed,
            class_names: self.class_names.clone(),
            empty_classes: self.empty_classes.clone(),
            dataset: self.dataset.clone(),
            model: self.model.clone(),
            diffusion: self.diffusion.clone(),
            train: self.train.clone(),
            eval: EvalConfig::default(),
            sample: self.sample.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::prelude::Device;
    use unet::{ContextConfig, ContextInput};

    use super::*;

    fn read(name: &str) -> LatentRunConfig {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs").join(name);
        toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// 859,520,964 parameters: those of the published checkpoint.
    #[test]
    fn the_network_of_stable_diffusion_is_the_published_one() {
        let config = read("stable-diffusion-1.toml");
        let channels = config.text.unwrap().encoder.channels;
        let context = Some(ContextConfig { channels, input: ContextInput::Text });
        let model = UNetConfig { image_size: 64, in_channels: 4, out_channels: 4, context, ..config.model };
        assert_eq!(model.init(&Device::flex(), 0).unwrap().num_params(), 859_520_964);
    }

    #[test]
    fn configurations_name_first_stages_that_have_one() {
        for name in ["digits-ldm.toml", "mnist-ldm.toml", "emoji-ldm.toml"] {
            let run = read(name).first_stage.run.unwrap();
            let config = format!("{}.toml", run.file_name().unwrap().display());
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs").join(&config);
            assert!(path.exists(), "{name}: {config}");
        }
    }
}

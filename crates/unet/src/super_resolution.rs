use burn::module::Module;
use burn::nn::Embedding;
use burn::tensor::{Device, Int, Tensor};
use random::Seed;

use crate::embedding::TimeEmbedding;
use crate::init::Init;
use crate::time_proj::TimeProj;
use crate::{ClassInput, Condition, UNet, UNetConfig, UNetError};

/// A [`UNet`] that is also shown a low-resolution image (Saharia et al. 2021, arXiv 2104.07636, and Ho et al. 2021, arXiv
/// 2106.15282, section 4): enlarged and beside the noisy one as further input channels. How much that image was
/// augmented, the number s, is told as the timestep is; the embeddings of t, s and class are added up.
#[derive(Module, Debug)]
pub struct SuperResolutionUNet {
    unet: UNet,
    class_embedding: Option<Embedding>,
    level_proj: TimeProj,
    level_embedding: TimeEmbedding,
    /// The label of the null class.
    null_class: Option<usize>,
}

impl UNetConfig {
    /// Makes a super-resolution network with the weights of `seed`, as [`init`](Self::init) makes a plain one; the
    /// `in_channels` are those of the noisy and of the low-resolution image together.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    pub fn init_super_resolution(
        &self,
        device: &Device,
        seed: u64,
    ) -> Result<SuperResolutionUNet, UNetError> {
        self.validate()?;
        let told = Self { num_classes: None, class_input: ClassInput::Embedding, ..self.clone() };
        let unet = told.init(device, seed)?;
        let init = &mut Init::new(device, Seed(seed).derive("unet/super_resolution", 0));
        let class_embedding =
            self.class_rows().map(|rows| init.embedding(rows, self.resolved_time_channels()));
        Ok(SuperResolutionUNet {
            unet,
            class_embedding,
            level_proj: TimeProj::new(self, init),
            level_embedding: TimeEmbedding::of_number(self, init),
            null_class: self.num_classes.filter(|_| self.null_class),
        })
    }
}

impl SuperResolutionUNet {
    /// The label of the null class, which is the number of classes; none for a network that has no such class.
    pub fn null_class(&self) -> Option<usize> {
        self.null_class
    }

    /// The network's output for noisy images `x` at `timesteps`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, C, H, W]`
    /// - `low`: `[B, C, H, W]`, the low-resolution images enlarged
    /// - `timesteps`: `[B]`, of x
    /// - `levels`: `[B]`, s of the low-resolution images; 0 where they are as they were
    /// - `labels`: `[B]`, of a network with classes
    /// - output: `[B, out_channels, H, W]`
    ///
    /// Labels for a network without classes, or none for one without a null class, are answered with NaN.
    pub fn forward(
        &self,
        x: Tensor<4>,
        low: Tensor<4>,
        timesteps: Tensor<1>,
        levels: Tensor<1>,
        labels: Option<Tensor<1, Int>>,
    ) -> Tensor<4> {
        let (batch, device) = (timesteps.dims()[0], timesteps.device());
        let dtype = x.dtype();
        let level = self.level_embedding.forward(self.level_proj.forward(levels).cast(dtype), None);
        let null = || Some(Tensor::full([batch], self.null_class? as i64, &device));
        let given = match (labels.or_else(null), &self.class_embedding) {
            (Some(labels), Some(table)) if labels.dims() == [batch] => {
                Some(level + table.forward(labels.unsqueeze_dim::<2>(1)).squeeze_dim::<2>(1))
            }
            (None, None) => Some(level),
            _ => None,
        };
        let x = Tensor::cat(vec![x, low], 1);
        self.unet.forward_conditioned(x, timesteps, given.map(Condition::Embeddings))
    }
}

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::UNetConfig;
use crate::added_attention::AddedAttention;
use crate::given::Given;
use crate::init::Init;
use crate::transformer::Transformer;

/// How pixels attend to the context, for example to the words of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CrossAttention {
    /// By transformer blocks: self-attention, attention to the context, a gated feed-forward network (Rombach et al.
    /// 2022, arXiv 2112.10752, section 3.3 and appendix E.2.1).
    Transformer {
        /// Transformer blocks after each residual block of the level, one number for all of them or one for each.
        depths: Vec<usize>,
        /// Number of attention heads.
        heads: usize,
        /// Whether the first attention of a block is to the context too.
        #[serde(default)]
        context_only: bool,
    },
    /// By one attention whose keys are those of the context and, unless `context_only`, those of the pixels (Saharia
    /// et al. 2022, arXiv 2205.11487, appendix B; DeepFloyd IF).
    Added {
        /// Channels of one attention head.
        head_channels: usize,
        /// Whether pixels attend to the context only, not to each other.
        #[serde(default)]
        context_only: bool,
        /// Whether the context is normed before its keys are made, in 32 groups.
        #[serde(default)]
        norm_context: bool,
    },
}

/// Groups of the norm of a context.
pub(crate) const CONTEXT_GROUPS: usize = 32;

/// The layer after residual block `index` of a level that attends so.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there are few, and a box is no module")]
pub(crate) enum CrossLayer {
    Transformer(Transformer),
    Added(AddedAttention),
}

impl CrossLayer {
    pub(crate) fn new(
        config: &UNetConfig,
        channels: usize,
        cross: &CrossAttention,
        index: usize,
        init: &mut Init<'_>,
    ) -> Self {
        match cross {
            CrossAttention::Transformer { depths, heads, context_only } => {
                let depth = depths.get(index).or(depths.last()).copied().unwrap_or(0);
                Self::Transformer(Transformer::new(config, channels, depth, *heads, *context_only, init))
            }
            CrossAttention::Added { head_channels, context_only, norm_context } => {
                let heads = channels / head_channels;
                let options = [*context_only, *norm_context];
                Self::Added(AddedAttention::new(config, channels, heads, options, init))
            }
        }
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    pub(crate) fn forward(&self, x: Tensor<4>, given: &Given) -> Tensor<4> {
        match self {
            Self::Transformer(layer) => layer.forward(x, given.context.as_ref()),
            Self::Added(layer) => match &given.context {
                Some(context) => layer.forward(x, context),
                // A network with such a layer is not called without.
                None => x,
            },
        }
    }
}

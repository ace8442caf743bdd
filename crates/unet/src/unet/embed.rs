use burn::tensor::{DType, Tensor};

use super::UNet;
use crate::context::Context;
use crate::given::Given;
use crate::{ClassInput, Condition, Conditions};

impl UNet {
    /// What all blocks are given, of what the network is given.
    pub(super) fn prepare(&self, timesteps: Tensor<1>, conditions: Conditions, dtype: DType) -> Given {
        let raw_emb = self.embed(timesteps, &conditions, dtype);
        let tokens = match &self.encoder_hid_proj {
            Some(projection) => projection.forward(conditions.text, conditions.image),
            None => conditions.text,
        };
        let context = tokens.map(|tokens| Context::new(tokens, conditions.text_mask));
        Given { emb: self.activation.apply(raw_emb.clone()), raw_emb, context }
    }

    /// The embedding of time and conditions `[B, channels that the blocks take]`.
    fn embed(&self, timesteps: Tensor<1>, conditions: &Conditions, dtype: DType) -> Tensor<2> {
        let batch = timesteps.dims()[0];
        let device = timesteps.device();
        let encoded = self.time_proj.forward(timesteps).cast(dtype);
        let time = self.time_embedding.forward(encoded, conditions.time.clone());
        let null = || Some(Condition::Labels(Tensor::full([batch], self.null_class? as i64, &device)));
        let emb = match conditions.class.clone().or_else(null) {
            Some(class) if self.class_concat => {
                Tensor::cat(vec![time, self.embed_class(class, batch, dtype)], 1)
            }
            Some(class) => time + self.embed_class(class, batch, dtype),
            None => {
                assert!(!self.is_conditional(), "a network without a null class is given no condition");
                time
            }
        };
        let emb = match &self.add_embedding {
            Some(layers) => match layers.forward(conditions) {
                Some(added) => emb + added,
                None => panic!("a network is not given what it adds to the embedding of the time"),
            },
            None => emb,
        };
        match self.time_activation {
            Some(activation) => activation.apply(emb),
            None => emb,
        }
    }

    fn is_conditional(&self) -> bool {
        self.class_embedding.is_some() || self.class_input != ClassInput::Label
    }

    fn embed_class(&self, class: Condition, batch: usize, dtype: DType) -> Tensor<2> {
        match (class, &self.class_embedding, &self.class_projection, &self.class_linear) {
            (Condition::Labels(labels), Some(table), ..) => {
                assert_eq!(labels.dims(), [batch], "one label for each of {batch} images");
                table.forward(labels.unsqueeze_dim(1)).squeeze_dim(1)
            }
            (Condition::Labels(_), None, ..) => panic!("labels given to a network without classes"),
            (Condition::Numbers(numbers), _, Some(projection), _)
                if self.class_input == ClassInput::Number =>
            {
                projection.forward(self.time_proj.forward(numbers).cast(dtype), None)
            }
            (Condition::Embeddings(vectors), _, Some(projection), _) => projection.forward(vectors, None),
            (Condition::Embeddings(vectors), .., Some(layer)) => layer.forward(vectors),
            (Condition::Embeddings(embeddings), ..) if self.class_input == ClassInput::Embedding => {
                embeddings
            }
            _ => panic!("a network with {:?} as its condition is given another", self.class_input),
        }
    }
}

use burn::tensor::{DType, Tensor};

use super::UNet;
use crate::context::Context;
use crate::forward_error::count;
use crate::given::Given;
use crate::{ClassInput, Condition, Conditions, ForwardError};

impl UNet {
    /// What all blocks are given, of what the network is given.
    pub(super) fn prepare(
        &self,
        timesteps: Tensor<1>,
        conditions: Conditions,
        dtype: DType,
    ) -> Result<Given, ForwardError> {
        let raw_emb = self.embed(timesteps, &conditions, dtype)?;
        let tokens = match &self.encoder_hid_proj {
            Some(projection) => projection.forward(conditions.text, conditions.image),
            None => conditions.text,
        };
        let context = tokens.map(|tokens| Context::new(tokens, conditions.text_mask));
        if context.is_none() && self.needs_context {
            return Err(ForwardError::Missing { what: "a context to attend to" });
        }
        Ok(Given { emb: self.activation.apply(raw_emb.clone()), raw_emb, context })
    }

    /// The embedding of time and conditions `[B, channels that the blocks take]`.
    fn embed(
        &self,
        timesteps: Tensor<1>,
        conditions: &Conditions,
        dtype: DType,
    ) -> Result<Tensor<2>, ForwardError> {
        let batch = timesteps.dims()[0];
        let device = timesteps.device();
        let encoded = self.time_proj.forward(timesteps).cast(dtype);
        let time = self.time_embedding.forward(encoded, conditions.time.clone());
        let null = || Some(Condition::Labels(Tensor::full([batch], self.null_class? as i64, &device)));
        let emb = match conditions.class.clone().or_else(null) {
            Some(class) => {
                let class = self.embed_class(class, &time, dtype)?;
                if self.class_concat { Tensor::cat(vec![time, class], 1) } else { time + class }
            }
            None if self.is_conditional() => {
                return Err(ForwardError::Missing { what: "a class" });
            }
            None => time,
        };
        let emb = match &self.add_embedding {
            Some(layers) => {
                let missing = ForwardError::Missing { what: "what it adds to the embedding of the time" };
                emb + layers.forward(conditions).ok_or(missing)?
            }
            None => emb,
        };
        Ok(match self.time_activation {
            Some(activation) => activation.apply(emb),
            None => emb,
        })
    }

    fn is_conditional(&self) -> bool {
        self.class_embedding.is_some() || self.class_input != ClassInput::Label
    }

    /// What is made of the class, beside the embedding of the time `[B, C]`.
    fn embed_class(
        &self,
        class: Condition,
        time: &Tensor<2>,
        dtype: DType,
    ) -> Result<Tensor<2>, ForwardError> {
        let [batch, channels] = time.dims();
        match (class, self.class_input) {
            (Condition::Labels(labels), ClassInput::Label) => {
                let Some(table) = &self.class_embedding else {
                    return Err(ForwardError::Alien { what: "labels" });
                };
                count("labels, one for each image", batch, labels.dims()[0])?;
                Ok(table.forward(labels.unsqueeze_dim(1)).squeeze_dim(1))
            }
            (Condition::Numbers(numbers), ClassInput::Number) => {
                count("numbers, one for each image", batch, numbers.dims()[0])?;
                let encoded = self.time_proj.forward(numbers).cast(dtype);
                Ok(self
                    .class_projection
                    .as_ref()
                    .map_or_else(|| encoded.clone(), |projection| projection.forward(encoded.clone(), None)))
            }
            (Condition::Embeddings(vectors), input) => self.embed_vectors(vectors, input, [batch, channels]),
            (Condition::Labels(_), _) => Err(ForwardError::Alien { what: "labels" }),
            (Condition::Numbers(_), _) => Err(ForwardError::Alien { what: "numbers for a class" }),
        }
    }

    fn embed_vectors(
        &self,
        vectors: Tensor<2>,
        input: ClassInput,
        [batch, channels]: [usize; 2],
    ) -> Result<Tensor<2>, ForwardError> {
        let wanted = match input {
            ClassInput::Embedding => channels,
            ClassInput::Projection(channels) | ClassInput::Linear(channels) => channels,
            ClassInput::Label | ClassInput::Number => {
                return Err(ForwardError::Alien { what: "vectors for a class" });
            }
        };
        count("vectors, one for each image", batch, vectors.dims()[0])?;
        count("channels of a vector", wanted, vectors.dims()[1])?;
        Ok(match (&self.class_projection, &self.class_linear) {
            (Some(projection), _) => projection.forward(vectors, None),
            (None, Some(layer)) => layer.forward(vectors),
            (None, None) => vectors,
        })
    }
}

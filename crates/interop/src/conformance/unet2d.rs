use burn::prelude::*;
use unet::{ClassInput, Condition, Conditions, Residuals, UNetConfig};

use super::case::{Case, CaseError};
use super::comparison::Comparison;
use crate::{InteropError, TensorFile, read_unet};

const TOLERANCE: f64 = 1e-4;

/// A network's output from its own configuration and weights.
pub(super) fn run(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let (net, config) = read_unet(&case.folder, device)?;
    let io = case.io()?;
    let sample = io.get("sample")?.upload::<4>(device)?;
    let timesteps = io.get("timestep")?.upload::<1>(device)?.expand([sample.dims()[0]]);
    let output = net.forward_with(sample, timesteps, conditions(&io, &config, device)?);
    let output = output.map_err(CaseError::broken)?;
    let mut comparison = Comparison::default();
    comparison.relative("out", &read(output)?, &io.get("out")?.values, TOLERANCE);
    Ok(comparison)
}

/// The numbers of a tensor.
pub(super) fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, CaseError> {
    tensor.try_into_vec_as::<f32>().map_err(|error| CaseError::Broken(format!("{error:?}")))
}

fn conditions(io: &TensorFile, config: &UNetConfig, device: &Device) -> Result<Conditions, InteropError> {
    let recorded = Recorded { io, device };
    let class = match config.class_input {
        ClassInput::Label => recorded.get::<1>("class_labels")?.map(|x| Condition::Labels(x.int())),
        ClassInput::Number => recorded.get("class_labels")?.map(Condition::Numbers),
        ClassInput::Embedding | ClassInput::Projection(_) | ClassInput::Linear(_) => {
            recorded.get("class_labels")?.map(Condition::Embeddings)
        }
    };
    Ok(Conditions {
        class,
        text: recorded.get("encoder_hidden_states")?,
        text_mask: recorded.get("encoder_attention_mask")?,
        pooled_text: recorded.get("added_cond.text_embeds")?,
        sizes: recorded.get("added_cond.time_ids")?,
        image: recorded.get("added_cond.image_embeds")?,
        time: recorded.get("timestep_cond")?,
        residuals: Residuals {
            skips: recorded.list("down_residual")?,
            mid: recorded.get("mid_residual")?,
            levels: recorded.list("intrablock_residual")?,
        },
    })
}

/// The recorded inputs on a device.
struct Recorded<'a> {
    io: &'a TensorFile,
    device: &'a Device,
}

impl Recorded<'_> {
    fn get<const D: usize>(&self, name: &str) -> Result<Option<Tensor<D>>, InteropError> {
        self.io.tensors.get(name).map(|tensor| tensor.upload(self.device)).transpose()
    }

    /// `name.0`, `name.1` and so on.
    fn list(&self, name: &str) -> Result<Vec<Tensor<4>>, InteropError> {
        let numbered = |index| self.io.tensors.get(&format!("{name}.{index}"));
        (0..).map_while(numbered).map(|tensor| tensor.upload(self.device)).collect()
    }
}

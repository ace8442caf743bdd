use burn::prelude::*;
use unet::{ClassInput, Condition};

use super::case::{Case, CaseError};
use super::comparison::Comparison;
use crate::read_unet;

const TOLERANCE: f64 = 1e-4;

/// A network's output from its own configuration and weights.
pub(super) fn run(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let (net, config) = read_unet(&case.folder, device)?;
    let io = case.io()?;
    let sample = io.get("sample")?.upload::<4>(device)?;
    let timesteps = io.get("timestep")?.upload::<1>(device)?;
    let batch = sample.dims()[0];
    let timesteps = if timesteps.dims() == [batch] { timesteps } else { timesteps.expand([batch]) };
    let condition = match (io.tensors.get("class_labels"), config.class_input) {
        (None, _) => None,
        (Some(labels), ClassInput::Label) => Some(Condition::Labels(labels.upload::<1>(device)?.int())),
        (Some(numbers), ClassInput::Number) => Some(Condition::Numbers(numbers.upload(device)?)),
        (Some(embeddings), ClassInput::Embedding) => Some(Condition::Embeddings(embeddings.upload(device)?)),
    };
    let output = net.forward_conditioned(sample, timesteps, condition);
    let output = read(output)?;
    let mut comparison = Comparison::default();
    comparison.relative("out", &output, &io.get("out")?.values, TOLERANCE);
    Ok(comparison)
}

/// The numbers of a tensor.
pub(super) fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, CaseError> {
    tensor.try_into_vec_as::<f32>().map_err(|error| CaseError::Broken(format!("{error:?}")))
}

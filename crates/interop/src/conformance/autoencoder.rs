use burn::prelude::*;
use burn::tensor::DType;

use super::case::{Case, CaseError};
use super::comparison::Comparison;
use super::unet2d::read;
use crate::{HostTensor, InteropError, KlFolder, TensorFile, VqFolder};

const TOLERANCE: f64 = 1e-4;

/// The share of the commitment in the reference library's loss of the codebook.
const COMMITMENT: f64 = 0.25;

/// Moments, a sample with the recorded noise, and what both decode to.
pub(super) fn run_kl(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let KlFolder { network, .. } = KlFolder::read(&case.folder, device, DType::F32)?;
    let mut compared = Compared { io: case.io()?, comparison: Comparison::default() };
    let moments = network.moments(compared.input("sample", device)?);
    compared.output("parameters", moments.clone())?;
    let posterior = autoencoder::Posterior::of_moments(moments);
    let latent = posterior.sample(compared.input("posterior_noise", device)?);
    compared.output("mean", posterior.mean.clone())?;
    compared.output("logvar", posterior.log_variance.clone())?;
    compared.output("z", latent.clone())?;
    compared.output("kl", posterior.kl())?;
    compared.output("decoded_z", network.decode(latent))?;
    compared.output("decoded_mode", network.decode(posterior.mean))?;
    Ok(compared.comparison)
}

/// Latents, their nearest codes, and what both decode to.
pub(super) fn run_vq(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let VqFolder { network, .. } = VqFolder::read(&case.folder, device, DType::F32)?;
    let mut compared = Compared { io: case.io()?, comparison: Comparison::default() };
    let latent = network.encode(compared.input("sample", device)?);
    let quantized = network.codebook().quantize(latent.clone());
    compared.output("latents", latent.clone())?;
    compared.output("quantized", quantized.latent.clone())?;
    compared.output("indices", quantized.indices.float())?;
    compared.output("decoded", network.decode(quantized.latent))?;
    compared.output("decoded_not_quantized", network.decode(latent))?;
    let loss = quantized.codebook_loss + quantized.commitment_loss * COMMITMENT;
    compared.output("commit_loss", loss)?;
    Ok(compared.comparison)
}

struct Compared {
    io: TensorFile,
    comparison: Comparison,
}

impl Compared {
    fn input(&self, name: &str, device: &Device) -> Result<Tensor<4>, InteropError> {
        self.io.get(name)?.upload(device)
    }

    /// Compares with what was recorded, if it was.
    fn output<const D: usize>(&mut self, name: &str, ours: Tensor<D>) -> Result<(), CaseError> {
        if let Some(HostTensor { values, .. }) = self.io.tensors.get(name) {
            self.comparison.relative(name, &read(ours)?, values, TOLERANCE);
        }
        Ok(())
    }
}

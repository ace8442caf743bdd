use autoencoder::Encoded;
use burn::prelude::*;

use super::config::RegularizationConfig;

/// The mean absolute error of each image: `[B]`.
pub(super) fn absolute_errors(output: &Tensor<4>, images: &Tensor<4>) -> Tensor<1> {
    (output.clone() - images.clone()).abs().flatten::<2>(1, 3).mean_dim(1).squeeze_dim(1)
}

/// The peak signal-to-noise ratio of each image in dB, the peak being the range of `[-1, 1]`: `[B]`.
pub(super) fn psnr(output: &Tensor<4>, images: &Tensor<4>) -> Tensor<1> {
    let squares = (output.clone().clamp(-1.0, 1.0) - images.clone()).powf_scalar(2.0);
    let errors: Tensor<1> = squares.flatten::<2>(1, 3).mean_dim(1).squeeze_dim(1);
    ((errors.clamp_min(1e-10) / 4.0).log()) * (-10.0 / std::f64::consts::LN_10)
}

/// What holds the latents together, weighted; `values` are those of an image: `[1]`.
pub(super) fn regularization(config: &RegularizationConfig, encoded: &Encoded, values: usize) -> Tensor<1> {
    match encoded {
        Encoded::Kl { posterior, .. } => posterior.kl().mean() * (config.kl_weight / values as f64),
        Encoded::Vq { quantized, revival_loss, .. } => {
            let commitment = quantized.commitment_loss.clone() * config.commitment;
            let codebook = quantized.codebook_loss.clone() + commitment;
            codebook * config.codebook_weight + revival_loss.clone() * config.revival_weight
        }
    }
}

/// The share of the codebook that is used, in percent, and the perplexity of its use: `exp(-sum p ln p)`, `[1]` each.
pub(super) fn usage(counts: &Tensor<1>) -> [Tensor<1>; 2] {
    let used = counts.clone().greater_scalar(0.0).float().mean() * 100.0;
    let shares = counts.clone() / counts.clone().sum();
    let entropy = -(shares.clone() * shares.clamp_min(1e-20).log()).sum();
    [used, entropy.exp()]
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tolerance;

    use super::*;

    fn floats<const N: usize>(values: [f32; N]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::flex())
    }

    /// An error of 0.2 in a range of 2 is 20 dB.
    #[test]
    fn psnr_is_measured_against_the_range() {
        let images = floats([0.5, -0.5, 0.0, 1.0]).reshape([1, 1, 2, 2]);
        let psnr = psnr(&(images.clone() - 0.2), &images).into_data();
        psnr.assert_approx_eq::<f32>(&floats([20.0]).into_data(), Tolerance::absolute(1e-3));
    }

    #[test]
    fn equal_use_of_half_a_codebook() {
        let [used, perplexity] = usage(&floats([5.0, 0.0, 5.0, 0.0])).map(Tensor::into_data);
        used.assert_approx_eq::<f32>(&floats([50.0]).into_data(), Tolerance::absolute(1e-4));
        perplexity.assert_approx_eq::<f32>(&floats([2.0]).into_data(), Tolerance::absolute(1e-4));
    }
}

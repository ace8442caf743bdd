use autoencoder::Encoded;
use burn::prelude::*;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;

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

/// The structural similarity of each image (Wang et al. 2004): of windows of 7x7 pixels, all weighted alike, with the
/// paper's constants and the range of `[-1, 1]`: `[B]`.
pub(super) fn ssim(output: &Tensor<4>, images: &Tensor<4>) -> Tensor<1> {
    const RANGE: f64 = 2.0;
    let (c1, c2) = ((0.01 * RANGE).powi(2), (0.03 * RANGE).powi(2));
    let [_, _, height, width] = images.dims();
    let side = height.min(width).min(7);
    let count = (side * side) as f64;
    let local = |x: Tensor<4>| avg_pool2d(x, AvgPoolOptions::new([side, side]).with_stride([1, 1]));
    let (x, y) = (output.clone().clamp(-1.0, 1.0), images.clone());
    let (mean_x, mean_y) = (local(x.clone()), local(y.clone()));
    let unbiased = count / (count - 1.0).max(1.0);
    let spread = |a: Tensor<4>, b: Tensor<4>, means: Tensor<4>| (local(a * b) - means) * unbiased;
    let variance_x = spread(x.clone(), x.clone(), mean_x.clone().powf_scalar(2.0));
    let variance_y = spread(y.clone(), y.clone(), mean_y.clone().powf_scalar(2.0));
    let covariance = spread(x, y, mean_x.clone() * mean_y.clone());
    let means = (mean_x.clone() * mean_y.clone() * 2.0 + c1)
        / (mean_x.powf_scalar(2.0) + mean_y.powf_scalar(2.0) + c1);
    let structure = (covariance * 2.0 + c2) / (variance_x + variance_y + c2);
    (means * structure).flatten::<2>(1, 3).mean_dim(1).squeeze_dim(1)
}

/// What holds the latents together, weighted; `values` are those of an image: `[1]`.
pub(super) fn regularization(config: &RegularizationConfig, encoded: &Encoded, values: usize) -> Tensor<1> {
    match encoded {
        Encoded::Kl { posterior, .. } => posterior.kl().mean() * (config.kl_weight / values as f64),
        Encoded::Vq { quantized, .. } => {
            let commitment = quantized.commitment_loss.clone() * config.commitment;
            let loss = match config.codebook_decay {
                Some(_) => commitment,
                None => quantized.codebook_loss.clone() + commitment,
            };
            loss * config.codebook_weight
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

    /// Of flat images only their means count; of an image and its negative, with a mean of zero, only their spread.
    #[test]
    fn structural_similarity_of_flat_and_of_opposite_images() {
        let flat = |value: f32| Tensor::<4>::full([1, 1, 8, 8], value, &Device::flex());
        let similarity = |a: Tensor<4>, b: Tensor<4>| ssim(&a, &b).into_data();
        let expected = (2.0 * 0.5 * 0.25 + 4e-4) / (0.25 + 0.0625 + 4e-4);
        let flat = similarity(flat(0.5), flat(0.25));
        flat.assert_approx_eq::<f32>(&floats([expected]).into_data(), Tolerance::absolute(1e-4));
        // One of 49 pixels is left over.
        let stripes = |sign: f32| {
            let values: Vec<f32> = (0..49).map(|i| if i % 2 == 0 { sign } else { -sign }).collect();
            Tensor::<1>::from_floats(values.as_slice(), &Device::flex()).reshape([1, 1, 7, 7])
        };
        let same = similarity(stripes(0.5), stripes(0.5));
        same.assert_approx_eq::<f32>(&floats([1.0]).into_data(), Tolerance::absolute(1e-5));
        let mean = 0.5_f32 / 49.0;
        let variance = (0.25 - mean * mean) * 49.0 / 48.0;
        let means = (-2.0 * mean * mean + 4e-4) / (2.0 * mean * mean + 4e-4);
        let expected = means * (-2.0 * variance + 3.6e-3) / (2.0 * variance + 3.6e-3);
        let opposite = similarity(stripes(0.5), stripes(-0.5));
        opposite.assert_approx_eq::<f32>(&floats([expected]).into_data(), Tolerance::absolute(1e-4));
    }

    #[test]
    fn equal_use_of_half_a_codebook() {
        let [used, perplexity] = usage(&floats([5.0, 0.0, 5.0, 0.0])).map(Tensor::into_data);
        used.assert_approx_eq::<f32>(&floats([50.0]).into_data(), Tolerance::absolute(1e-4));
        perplexity.assert_approx_eq::<f32>(&floats([2.0]).into_data(), Tolerance::absolute(1e-4));
    }
}

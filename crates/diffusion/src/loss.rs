use burn::prelude::*;
use schedules::{NoiseLevel, Weighting};

use crate::Parameterization;

/// Mean squared error of each image, over its own channels and pixels.
///
/// # Shapes
///
/// - output, target: `[B, C, H, W]`
/// - result: `[B]`
pub fn per_image_loss(output: Tensor<4>, target: Tensor<4>) -> Tensor<1> {
    let [batch, channels, height, width] = output.dims();
    (output - target).square().reshape([batch, channels * height * width]).mean_dim(1).reshape([batch])
}

/// The weight of each image's loss, `[B]`.
pub fn target_weights(
    weighting: Weighting,
    parameterization: Parameterization,
    levels: &[NoiseLevel],
    device: &Device,
) -> Tensor<1> {
    let weight = |&level: &NoiseLevel| weighting.of(level, parameterization.x0_error(level)) as f32;
    let weights: Vec<f32> = levels.iter().map(weight).collect();
    Tensor::from_data(TensorData::new(weights, [levels.len()]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_do_not_share_their_loss() {
        let device = Device::flex();
        let output = Tensor::<4>::from_data([[[[1.0, 2.0]]], [[[0.0, 4.0]]]], &device);
        let loss = per_image_loss(output, Tensor::zeros([2, 1, 1, 2], &device));
        assert_eq!(loss.try_into_vec_as::<f32>().unwrap(), [2.5, 8.0]);
    }
}

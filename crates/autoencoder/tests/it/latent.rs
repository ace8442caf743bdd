//! Gaussians, scales, and tiles.

use autoencoder::{LatentScale, Posterior, Tiling};
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Int, Tensor, TensorData, Tolerance};

fn tensor(values: Vec<f32>, shape: [usize; 4]) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// Of means 1 and 0 and variances e^0 and e^2: half of 1 + 1 - 1 - 0 and of 0 + e^2 - 1 - 2.
#[test]
fn the_divergence_from_the_standard_gaussian() {
    let posterior = Posterior::of_moments(tensor(vec![1.0, 0.0, 0.0, 2.0], [1, 2, 1, 2]));
    let expected = TensorData::from([0.5 + 0.5 * (2.0_f32.exp() - 3.0)]);
    posterior.kl().into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-5));
    let sample = posterior.sample(tensor(vec![3.0, -1.0], [1, 1, 1, 2])).into_data();
    let expected = TensorData::new(vec![4.0, -(1.0_f32.exp())], [1, 1, 1, 2]);
    sample.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-5));
}

#[test]
fn variances_stay_within_reason() {
    let posterior = Posterior::of_moments(tensor(vec![0.0, 0.0, -1e9, 1e9], [1, 2, 1, 2]));
    let expected = TensorData::new(vec![-30.0_f32, 20.0], [1, 1, 1, 2]);
    posterior.log_variance.into_data().assert_eq(&expected, true);
}

#[test]
fn scales_are_undone() {
    let scale = LatentScale { shift: vec![1.0, -2.0], scale: vec![0.5, 4.0] };
    let latent = tensor(vec![3.0, 5.0, -1.0, 0.0], [1, 2, 1, 2]);
    let scaled = scale.apply(latent.clone());
    let expected = TensorData::new(vec![1.0_f32, 2.0, 4.0, 8.0], [1, 2, 1, 2]);
    scaled.clone().into_data().assert_eq(&expected, true);
    scale.invert(scaled).into_data().assert_eq(&latent.into_data(), true);
    assert!(LatentScale::uniform(2.0).validate(3).is_ok());
    let error = scale.validate(3).unwrap_err().to_string();
    assert_eq!(error, "shift holds 2 numbers; use 1, or one for each of the 3 latent channels");
    let error = LatentScale::uniform(-1.0).validate(3).unwrap_err().to_string();
    assert_eq!(error, "scale holds -1; use a positive number");
}

/// What looks at no pixels beyond its own square is the same in tiles and as a whole.
#[test]
fn tiles_join_without_a_seam() {
    let halve = |x: Tensor<4>| avg_pool2d(x, AvgPoolOptions::new([2, 2]));
    let count = Tensor::<1, Int>::arange(0..2 * 36 * 22, &Device::flex()).float();
    let image = count.reshape([1, 2, 36, 22]);
    let tiling = Tiling::new(8, 2).unwrap();
    let encoded = tiling.encode(image.clone(), halve).into_data();
    encoded.assert_approx_eq::<f32>(&halve(image).into_data(), Tolerance::absolute(1e-2));
    let error = Tiling::new(3, 2).unwrap_err().to_string();
    assert_eq!(error, "a tile of 3 latent pixels is too small to overlap its neighbours; use at least 4");
}

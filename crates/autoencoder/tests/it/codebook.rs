//! Latents and the vectors that stand for them.

use autoencoder::{Autoencoder, AutoencoderConfig, TrunkConfig, VqAutoencoder, VqConfig};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData, Tolerance};

/// Gives the codebook, the only table of so many rows, its vectors.
struct Vectors(Tensor<2>);

impl ModuleMapper for Vectors {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if param.dims()[..] != self.0.dims()[..] {
            return param;
        }
        let data = self.0.to_data();
        param.map(|old| Tensor::from_data(data, &old.device()).set_require_grad(old.is_require_grad()))
    }
}

const VECTORS: [[f32; 2]; 3] = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]];

fn network(device: &Device) -> VqAutoencoder {
    let trunk = TrunkConfig {
        latent_channels: 2,
        channels: 4,
        channel_mult: vec![1],
        mid_attention: false,
        ..TrunkConfig::default()
    };
    let config = AutoencoderConfig::Vq(VqConfig { trunk, codes: 3, ..VqConfig::default() });
    let Autoencoder::Vq(network) = config.init(device, 0).unwrap() else { unreachable!() };
    network.map(&mut Vectors(Tensor::from_data(VECTORS, device)))
}

/// Four latents, of which three are nearest to the second vector and one to the first.
fn latent(device: &Device) -> Tensor<4> {
    let values = vec![0.9_f32, 0.7, 0.2, 2.0, 0.1, 0.2, 0.3, -0.1];
    Tensor::from_data(TensorData::new(values, [1, 2, 2, 2]), device)
}

#[test]
fn the_nearest_vector_stands_for_a_latent() {
    let device = Device::flex();
    let network = network(&device);
    let quantized = network.codebook().quantize(latent(&device));
    let indices: Vec<i64> = quantized.indices.clone().try_into_vec_as().unwrap();
    assert_eq!(indices, [1, 1, 0, 1]);
    let counts: Vec<f32> = network.codebook().counts(quantized.indices).try_into_vec_as().unwrap();
    assert_eq!(counts, [1.0, 3.0, 0.0]);
    let expected = TensorData::new(vec![1.0_f32, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], [1, 2, 2, 2]);
    quantized.latent.into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
    // Squares of 0.1, 0.3, 0.2, 1.0 and of 0.1, 0.2, 0.3, 0.1, over eight numbers.
    let loss = TensorData::from([(0.01_f32 + 0.09 + 0.04 + 1.0 + 0.01 + 0.04 + 0.09 + 0.01) / 8.0]);
    for ours in [quantized.codebook_loss, quantized.commitment_loss] {
        ours.into_data().assert_approx_eq::<f32>(&loss, Tolerance::absolute(1e-6));
    }
}

/// The gradient of what is decoded goes to the latent as it is, that of the codebook's loss to the vectors alone.
#[test]
fn gradients_pass_straight_through() {
    let device = Device::flex().autodiff();
    let network = network(&device);
    let latent = latent(&device).require_grad();
    let quantized = network.codebook().quantize(latent.clone());
    let weights = Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], &device);
    let gradients = (quantized.latent * weights.clone().reshape([1, 2, 2, 2])).sum().backward();
    let expected = weights.inner().reshape([1, 2, 2, 2]).into_data();
    latent.grad(&gradients).unwrap().into_data().assert_eq(&expected, true);

    let gradients = network.codebook().quantize(latent.clone()).codebook_loss.backward();
    let still = latent.grad(&gradients).map(|gradient| gradient.abs().sum().into_scalar::<f32>());
    assert!(still.is_none_or(|sum| sum == 0.0));
}

/// By their shares; what learns goes on learning.
#[test]
fn vectors_are_moved() {
    for device in [Device::flex(), Device::flex().autodiff()] {
        let network = Autoencoder::Vq(network(&device));
        let targets = Tensor::from_data([[5.0_f32, 5.0], [3.0, 0.0], [0.0, 4.0]], &Device::flex());
        let shares = Tensor::from_floats([0.0, 0.25, 1.0], &Device::flex());
        let network = network.map_codebook(|codebook| codebook.moved(targets, shares));
        let mut table = Table { rows: Vec::new(), learns: false };
        network.visit(&mut table);
        assert_eq!(table.rows, [0.0, 0.0, 1.5, 0.0, 0.0, 4.0]);
        assert_eq!(table.learns, device.is_autodiff());
    }
}

/// The vectors of the codebook.
struct Table {
    rows: Vec<f32>,
    learns: bool,
}

impl ModuleVisitor for Table {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.dims()[..] == [3, 2] {
            self.learns = param.is_require_grad();
            self.rows = param.val().inner().try_into_vec_as().unwrap();
        }
    }
}

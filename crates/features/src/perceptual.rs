use burn::module::Module;
use burn::tensor::Tensor;

use crate::{ClassifierTrunk, Lpips};

/// Keeps the gradient of a length finite where it is 0.
const TINY: f64 = 1e-20;
/// What lengths are divided by at least, as in the `lpips` package.
const LENGTH_EPS: f64 = 1e-10;

/// A network by whose activations images are compared; it is not trained any more.
#[derive(Module, Debug)]
pub enum Perceptual {
    /// The in-house classifier. What it says is not LPIPS, and no figure of another tool compares with it.
    Classifier(ClassifierTrunk),
    /// LPIPS by VGG-16 (Zhang et al. 2018, arXiv 1801.03924), of weights that the user supplies.
    Lpips(Lpips),
}

impl Perceptual {
    /// How far images look from each other: 0 for the same image.
    ///
    /// Activations of every layer are brought to unit length along the channels; their squared differences are weighted by
    /// channel and averaged over the image, and the layers added up. The in-house classifier weighs all channels alike, so
    /// that a layer says from 0 to 4, and takes the mean of the layers.
    ///
    /// # Shapes
    ///
    /// - `x`, `y`: `[B, C, H, W]` in `[-1, 1]`
    /// - output: `[B]`
    pub fn distance(&self, x: Tensor<4>, y: Tensor<4>) -> Tensor<1> {
        match self {
            Self::Classifier(network) => {
                let layers: Vec<_> = network.layers(x).into_iter().zip(network.layers(y)).collect();
                let count = layers.len() as f64;
                sum(layers.into_iter().map(|(x, y)| mean(difference(x, y).sum_dim(1)))) / count
            }
            Self::Lpips(network) => network.distance(x, y),
        }
    }
}

/// The squared difference of activations of unit length: `[B, C, H, W]`.
pub(crate) fn difference(x: Tensor<4>, y: Tensor<4>) -> Tensor<4> {
    (unit(x) - unit(y)).powf_scalar(2.0)
}

fn unit(x: Tensor<4>) -> Tensor<4> {
    let length = (x.clone().powf_scalar(2.0).sum_dim(1) + TINY).sqrt();
    x / (length + LENGTH_EPS)
}

/// Over each image: `[B]`.
pub(crate) fn mean(x: Tensor<4>) -> Tensor<1> {
    x.flatten::<2>(1, 3).mean_dim(1).squeeze_dim(1)
}

pub(crate) fn sum(layers: impl Iterator<Item = Tensor<1>>) -> Tensor<1> {
    let layers: Vec<Tensor<2>> = layers.map(|layer| layer.unsqueeze_dim(1)).collect();
    Tensor::cat(layers, 1).sum_dim(1).squeeze_dim(1)
}

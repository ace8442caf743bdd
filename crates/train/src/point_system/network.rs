use burn::module::Module;
use burn::nn::Linear;
use burn::prelude::*;
use burn::tensor::activation::silu;
use serde::{Deserialize, Serialize};
use unet::{Init, Sinusoids};

use crate::Network;

/// A small network for points: dense layers, each added to what it is given, all told the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PointNetConfig {
    /// Values between layers, and those of an encoded time.
    pub width: usize,
    /// Layers between the first and the last.
    pub layers: usize,
}

impl Default for PointNetConfig {
    fn default() -> Self {
        Self { width: 128, layers: 3 }
    }
}

/// The widest network, and the deepest.
const LIMITS: [(&str, usize); 2] = [("width", 1 << 14), ("layers", 1 << 8)];

impl PointNetConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// The first key that does not fit.
    pub(super) fn validate(&self) -> Result<(), String> {
        let given = [self.width, self.layers];
        match LIMITS.into_iter().zip(given).find(|((_, most), value)| !(1..=*most).contains(value)) {
            Some(((key, most), value)) => Err(format!("{key} = {value}: it must be between 1 and {most}")),
            None => Ok(()),
        }
    }

    /// About how many numbers the network keeps of each point for its gradients.
    pub(super) fn kept_values(&self) -> f64 {
        8.0 * (self.width * (self.layers + 3)) as f64
    }

    /// The untrained network for points of `inputs` numbers, a function of the seed.
    pub(super) fn init(&self, [inputs, outputs]: [usize; 2], seed: u64, device: &Device) -> PointNet {
        let (width, mut init) = (self.width, Init::new(device, seed));
        PointNet {
            first: init.linear(inputs, width),
            time: vec![init.linear(width, width), init.linear(width, width)],
            layers: (0..self.layers).map(|_| init.linear(width, width)).collect(),
            last: init.zero_linear(width, outputs),
            sinusoids: Sinusoids::of(width),
        }
    }
}

/// [`PointNetConfig`]'s network.
#[derive(Module, Debug)]
pub struct PointNet {
    first: Linear,
    time: Vec<Linear>,
    layers: Vec<Linear>,
    last: Linear,
    sinusoids: Sinusoids,
}

impl Network for PointNet {
    fn predict(&self, x: Tensor<4>, timesteps: Tensor<1>, _labels: Option<Tensor<1, Int>>) -> Tensor<4> {
        let [batch, channels, ..] = x.dims();
        let encoded = self.sinusoids.forward(timesteps);
        let time = self.time.iter().fold(encoded, |time, layer| silu(layer.forward(time)));
        let first = self.first.forward(x.reshape([batch, channels]));
        let hidden = self.layers.iter().fold(first, |x, layer| {
            let inner = silu(x.clone() + time.clone());
            x + layer.forward(inner)
        });
        let output = self.last.forward(silu(hidden));
        let outputs = output.dims()[1];
        output.reshape([batch, outputs, 1, 1])
    }

    fn null_class(&self) -> Option<usize> {
        None
    }
}

use burn::prelude::*;
use unet::{SuperResolutionUNet, UNet};

/// What an objective trains and a denoiser asks: an output for noisy images, of what its parameterization says.
pub trait Network {
    /// Its output.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, C, H, W]`
    /// - `timesteps`: `[B]`, not necessarily whole
    /// - `labels`: `[B]`; none for a network without classes
    /// - output: `[B, C, H, W]`, or with twice the channels where it says a variance too
    fn predict(&self, x: Tensor<4>, timesteps: Tensor<1>, labels: Option<Tensor<1, Int>>) -> Tensor<4>;

    /// The label of the class that means none, where there is one.
    fn null_class(&self) -> Option<usize>;
}

impl Network for UNet {
    fn predict(&self, x: Tensor<4>, timesteps: Tensor<1>, labels: Option<Tensor<1, Int>>) -> Tensor<4> {
        self.forward(x, timesteps, labels)
    }

    fn null_class(&self) -> Option<usize> {
        self.null_class()
    }
}

/// A super-resolution network that has been shown its low-resolution images.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The network.
    pub net: &'a SuperResolutionUNet,
    /// The low-resolution images, enlarged, `[B, C, H, W]`.
    pub low: Tensor<4>,
    /// How much they were augmented: s of each, `[B]`.
    pub levels: Tensor<1>,
}

impl Network for Shown<'_> {
    fn predict(&self, x: Tensor<4>, timesteps: Tensor<1>, labels: Option<Tensor<1, Int>>) -> Tensor<4> {
        self.net.forward(x, self.low.clone(), timesteps, self.levels.clone(), labels)
    }

    fn null_class(&self) -> Option<usize> {
        self.net.null_class()
    }
}

use std::path::Path;

use autoencoder::Tiling;
use burn::prelude::*;
use burn::tensor::DType;
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};

use super::PipelineError;
use crate::{InteropError, KlFolder, VqFolder};

/// What stands between the images that a network draws and pixels.
#[derive(Debug)]
pub enum FirstStage {
    /// Nothing.
    Pixels,
    /// A KL autoencoder.
    Kl(Box<KlFolder>),
    /// A VQ autoencoder.
    Vq(Box<VqFolder>),
}

impl FirstStage {
    /// Reads an `AutoencoderKL` or a `VQModel`.
    pub(crate) fn read(folder: &Path, class: &str, device: &Device) -> Result<Self, InteropError> {
        // It is small, and the published ones overflow half precision.
        let dtype = DType::F32;
        match class {
            "AutoencoderKL" => Ok(Self::Kl(Box::new(KlFolder::read(folder, device, dtype)?))),
            "VQModel" => Ok(Self::Vq(Box::new(VqFolder::read(folder, device, dtype)?))),
            _ => Err(InteropError::Unsupported {
                path: folder.join("config.json"),
                option: "_class_name".into(),
                value: class.into(),
            }),
        }
    }

    /// Pixels per latent pixel in height and width.
    pub fn factor(&self) -> usize {
        match self {
            Self::Pixels => 1,
            Self::Kl(folder) => folder.config.trunk.factor(),
            Self::Vq(folder) => folder.config.trunk.factor(),
        }
    }

    /// Channels of a latent.
    pub fn channels(&self) -> usize {
        match self {
            Self::Pixels => 3,
            Self::Kl(folder) => folder.config.trunk.latent_channels,
            Self::Vq(folder) => folder.config.resolved_code_channels(),
        }
    }

    /// Channels of the images that [`encode`](Self::encode) takes: 1 of grey ones, 3 of others.
    pub fn image_channels(&self) -> usize {
        match self {
            Self::Pixels => 3,
            Self::Kl(folder) => folder.config.trunk.in_channels,
            Self::Vq(folder) => folder.config.trunk.in_channels,
        }
    }

    /// Images of latents; with `tile`, those larger than so many latent pixels are decoded tile by tile.
    ///
    /// # Shapes
    ///
    /// - `latent`: `[B, channels, h, w]`
    /// - output: `[B, C, factor h, factor w]`, in `[-1, 1]` and somewhat beyond
    ///
    /// # Errors
    ///
    /// If a tile is too small.
    pub fn decode(&self, latent: Tensor<4>, tile: Option<usize>) -> Result<Tensor<4>, PipelineError> {
        match self {
            Self::Pixels => Ok(latent),
            Self::Kl(folder) => {
                let latent = folder.scale.invert(latent);
                self.in_tiles(tile, latent, |latent| folder.network.decode(latent))
            }
            Self::Vq(folder) => {
                let latent = folder.network.codebook().quantize(folder.scale.invert(latent)).latent;
                self.in_tiles(tile, latent, |latent| folder.network.decode(latent))
            }
        }
    }

    fn in_tiles(
        &self,
        tile: Option<usize>,
        latent: Tensor<4>,
        decode: impl Fn(Tensor<4>) -> Tensor<4>,
    ) -> Result<Tensor<4>, PipelineError> {
        Ok(match tile {
            Some(tile) => Tiling::new(tile, self.factor())?.decode(latent, decode),
            None => decode(latent),
        })
    }

    /// About what [`decode`](Self::decode) gives, at a quarter of its cost: the mean of each 2x2 latent pixels is decoded,
    /// and each pixel of that repeated in a 2x2 square.
    ///
    /// # Shapes
    ///
    /// As [`decode`](Self::decode).
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn preview(&self, latent: Tensor<4>) -> Result<Tensor<4>, PipelineError> {
        let [.., height, width] = latent.dims();
        if matches!(self, Self::Pixels) || height % 2 + width % 2 > 0 {
            return self.decode(latent, None);
        }
        let small = self.decode(avg_pool2d(latent, AvgPoolOptions::new([2, 2])), None)?;
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]);
        Ok(interpolate(small, options))
    }

    /// Draws the noise that [`encode`](Self::encode) would draw for latents of a shape.
    pub(super) fn skip_draw(&self, shape: [usize; 3], noise: &mut dyn FnMut([usize; 3]) -> Tensor<4>) {
        if matches!(self, Self::Kl(_)) {
            noise(shape);
        }
    }

    /// Latents of images; those of a KL autoencoder are drawn with `noise`.
    ///
    /// # Shapes
    ///
    /// - `image`: `[B, image_channels, H, W]`, in `[-1, 1]`
    /// - what `noise` draws, output: `[B, channels, H/factor, W/factor]`
    pub fn encode(&self, image: Tensor<4>, noise: &mut dyn FnMut([usize; 3]) -> Tensor<4>) -> Tensor<4> {
        match self {
            Self::Pixels => image,
            Self::Kl(folder) => {
                let posterior = folder.network.encode(image);
                let [_, channels, height, width] = posterior.mean.dims();
                folder.scale.apply(posterior.sample(noise([channels, height, width])))
            }
            Self::Vq(folder) => folder.scale.apply(folder.network.encode(image)),
        }
    }
}

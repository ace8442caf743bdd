//! Inception as pytorch-fid has it, whose features FID is defined by: the TensorFlow network of 2015 with its weights
//! carried over, in which average pooling leaves out padding and the last block pools by maximum.

mod conv;
mod mixed;

use std::path::Path;

use anyhow::Result;
use burn::prelude::*;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use interop::TensorFile;

use conv::{Conv, Reader, Size};
use mixed::{Mixed, Pool};

/// Height and width that images are resized to.
const SIDE: usize = 299;

/// The network up to its last pooling.
pub struct Inception {
    /// Convolutions, of which each group ends in a pool.
    stem: [Vec<Conv>; 2],
    mixed: Vec<Mixed>,
}

impl Inception {
    /// Reads the weights of `pt_inception-2015-12-05` from a safetensors file that keeps pytorch-fid's names.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a tensor is missing or of another shape.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        Self::from_tensors(&TensorFile::read(path)?, device)
    }

    /// Makes the network of tensors by pytorch-fid's names; others are left alone.
    ///
    /// # Errors
    ///
    /// If a tensor is missing or of another shape.
    pub fn from_tensors(file: &TensorFile, device: &Device) -> Result<Self> {
        let reader = Reader { file, device };
        let conv = |name, inputs, size| reader.conv(name, inputs, size);
        let stem = [
            vec![
                conv("Conv2d_1a_3x3", 3, Size::half(32, 3))?,
                conv("Conv2d_2a_3x3", 32, Size::valid(32, 3))?,
                conv("Conv2d_2b_3x3", 32, Size::same(64, [3, 3]))?,
            ],
            vec![
                conv("Conv2d_3b_1x1", 64, Size::valid(80, 1))?,
                conv("Conv2d_4a_3x3", 80, Size::valid(192, 3))?,
            ],
        ];
        let mixed = vec![
            Mixed::a(&reader, "Mixed_5b", 192, 32)?,
            Mixed::a(&reader, "Mixed_5c", 256, 64)?,
            Mixed::a(&reader, "Mixed_5d", 288, 64)?,
            Mixed::b(&reader, "Mixed_6a", 288)?,
            Mixed::c(&reader, "Mixed_6b", 128)?,
            Mixed::c(&reader, "Mixed_6c", 160)?,
            Mixed::c(&reader, "Mixed_6d", 160)?,
            Mixed::c(&reader, "Mixed_6e", 192)?,
            Mixed::d(&reader, "Mixed_7a", 768)?,
            Mixed::e(&reader, "Mixed_7b", 1280, Pool::Average)?,
            Mixed::e(&reader, "Mixed_7c", 2048, Pool::Most)?,
        ];
        Ok(Self { stem, mixed })
    }

    /// # Shapes
    ///
    /// - x: `[B, C, H, W]` in `[-1, 1]`, the network's own range, with C 1 or 3
    /// - features: `[B, 2048]`
    pub fn features(&self, x: Tensor<4>) -> Tensor<2> {
        let x = if x.dims()[1] == 1 { x.repeat_dim(1, 3) } else { x };
        let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false);
        let x = interpolate(x, options.with_output_size([SIDE, SIDE]));
        let x = self
            .stem
            .iter()
            .fold(x, |x, convs| Pool::MostHalving.forward(convs.iter().fold(x, |x, conv| conv.forward(x))));
        let x = self.mixed.iter().fold(x, |x, mixed| mixed.forward(x));
        x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim::<2>(2)
    }
}

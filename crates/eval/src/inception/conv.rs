use anyhow::{Result, bail};
use burn::module::{Param, ParamId};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::prelude::*;
use burn::tensor::activation::relu;
use interop::{HostTensor, TensorFile};

/// Added to the variance.
const EPSILON: f32 = 1e-3;

/// What a convolution makes of an image's size.
#[derive(Clone, Copy)]
pub struct Size {
    /// Channels out.
    pub outputs: usize,
    kernel: [usize; 2],
    stride: usize,
    padded: bool,
}

impl Size {
    /// Keeps height and width.
    pub fn same(outputs: usize, kernel: [usize; 2]) -> Self {
        Self { outputs, kernel, stride: 1, padded: true }
    }

    /// Loses the border.
    pub fn valid(outputs: usize, kernel: usize) -> Self {
        Self { outputs, kernel: [kernel; 2], stride: 1, padded: false }
    }

    /// Loses the border, and every other row and column.
    pub fn half(outputs: usize, kernel: usize) -> Self {
        Self { outputs, kernel: [kernel; 2], stride: 2, padded: false }
    }
}

/// A convolution, the batch norm after it and a ReLU. The norm, whose statistics are fixed, is part of the weights.
pub struct Conv(Conv2d);

impl Conv {
    /// `[B, C, H, W]` to `[B, C', H', W']`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        relu(kernels::conv2d(&self.0, x))
    }
}

/// Reads layers by their names.
pub struct Reader<'a> {
    /// The weights.
    pub file: &'a TensorFile,
    /// Where they go.
    pub device: &'a Device,
}

impl Reader<'_> {
    /// The layer `name`.
    ///
    /// # Errors
    ///
    /// If a tensor of it is missing or of another shape.
    pub fn conv(&self, name: &str, inputs: usize, size: Size) -> Result<Conv> {
        let Size { outputs, kernel: [height, width], stride, padded } = size;
        let weight = self.tensor(&format!("{name}.conv.weight"), &[outputs, inputs, height, width])?;
        let norm = |part: &str| self.tensor(&format!("{name}.bn.{part}"), &[outputs]);
        let (scale, shift) = (norm("weight")?, norm("bias")?);
        let (mean, variance) = (norm("running_mean")?, norm("running_var")?);
        let factors: Vec<f32> =
            scale.iter().zip(variance).map(|(scale, variance)| scale / (variance + EPSILON).sqrt()).collect();
        let shifts = shift.iter().zip(mean).zip(&factors);
        let bias: Vec<f32> = shifts.map(|((shift, mean), factor)| shift - mean * factor).collect();
        let filters = weight.chunks_exact(inputs * height * width).zip(&factors);
        let weight: Vec<f32> =
            filters.flat_map(|(filter, factor)| filter.iter().map(move |value| value * factor)).collect();
        let (down, across) = if padded { (height / 2, width / 2) } else { (0, 0) };
        Ok(Conv(Conv2d {
            weight: self.param(weight, [outputs, inputs, height, width]),
            bias: Some(self.param(bias, [outputs])),
            stride: [stride, stride],
            kernel_size: [height, width],
            dilation: [1, 1],
            groups: 1,
            padding: PaddingConfig2d::Explicit(down, across, down, across),
        }))
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<&[f32]> {
        let HostTensor { shape: found, values } = self.file.get(name)?;
        if found != shape {
            bail!(
                "{}: {name} is {found:?}, not {shape:?}: it is no Inception of pytorch-fid",
                self.file.path.display()
            );
        }
        Ok(values)
    }

    fn param<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::initialized(ParamId::new(), Tensor::from_data(TensorData::new(values, shape), self.device))
    }
}

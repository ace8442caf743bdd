//! Any convolution, by whichever way is fastest.

use rayon::prelude::*;

use crate::cpu::direct::{self, Conv};
use crate::cpu::pointwise::{self, Pointwise};
use crate::cpu::simd::Simd;
use crate::cpu::winograd::{self, Conv3x3};

/// The convolution of `x` `[batch, inputs, height, width]` with `weight` `[outputs, inputs, kernel]`, plus `bias`
/// `[outputs]`.
pub fn convolve(simd: Simd, conv: Conv, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    match Way::of(conv) {
        Way::Pointwise(conv) => pointwise::convolve(simd, conv, x, weight, bias),
        Way::Winograd(fast) if fast.inputs >= winograd::LEAST => {
            winograd::convolve(simd, fast, x, weight, bias)
        }
        _ => direct::convolve(simd, conv, x, weight, bias),
    }
}

/// The gradient of `x` from that of the result.
pub fn input_gradient(simd: Simd, conv: Conv, dy: &[f32], weight: &[f32]) -> Vec<f32> {
    match Way::of(conv) {
        Way::Pointwise(conv) => pointwise::input_gradient(simd, conv, dy, weight),
        Way::Winograd(fast) if fast.outputs >= winograd::LEAST => {
            winograd::input_gradient(simd, fast, dy, weight)
        }
        _ => match conv.transposed() {
            Some(transposed) => direct::convolve(simd, transposed, dy, &conv.transposed_weight(weight), None),
            None => direct::input_gradient(simd, conv, dy, weight),
        },
    }
}

/// The gradient of the weights.
pub fn weight_gradient(simd: Simd, conv: Conv, x: &[f32], dy: &[f32]) -> Vec<f32> {
    match Way::of(conv) {
        Way::Pointwise(conv) => pointwise::weight_gradient(simd, conv, x, dy),
        Way::Winograd(fast) if fast.inputs >= winograd::LEAST => winograd::weight_gradient(simd, fast, x, dy),
        _ => direct::weight_gradient(simd, conv, x, dy),
    }
}

/// The gradient of the bias: the sum of `dy` `[batch, outputs, pixels]` over images and pixels.
pub fn bias_gradient(dy: &[f32], outputs: usize, pixels: usize) -> Vec<f32> {
    let sum = |channel: usize| {
        let planes = dy.chunks(pixels).skip(channel).step_by(outputs);
        planes.map(|plane| f64::from(sum(plane))).sum::<f64>() as f32
    };
    (0..outputs).into_par_iter().map(sum).collect()
}

fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0; 16];
    let chunks = values.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().sum::<f32>() + rest
}

enum Way {
    Pointwise(Pointwise),
    Winograd(Conv3x3),
    Direct,
}

impl Way {
    fn of(conv: Conv) -> Self {
        let Conv { batch, inputs, outputs, size: [height, width], .. } = conv;
        match (conv.kernel, conv.stride, conv.padding) {
            ([1, 1], [1, 1], [0, 0, 0, 0]) => {
                Self::Pointwise(Pointwise { batch, inputs, outputs, pixels: height * width })
            }
            ([3, 3], [1, 1], [1, 1, 1, 1]) => {
                let conv = Conv3x3 { batch, inputs, outputs, height, width };
                if conv.pays() { Self::Winograd(conv) } else { Self::Direct }
            }
            _ => Self::Direct,
        }
    }
}

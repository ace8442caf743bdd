use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;

use crate::cpu::convolution::{bias_gradient, convolve, input_gradient, weight_gradient};
use crate::cpu::direct::Conv;
use crate::cpu::simd::Simd;
use crate::graph::{self, Kernel};
use crate::operations::count;

/// A layer's convolution.
///
/// # Shapes
///
/// - `x`: `[B, channels in, H, W]`
/// - output: `[B, channels out, H out, W out]`
pub fn conv2d(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let [_, inputs, down, across] = layer.weight.dims();
    let y = convolution(layer, x);
    count(y.shape().num_elements(), inputs * down * across);
    y
}

fn convolution(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let Some(conv) = geometry(layer, &x) else { return by_burn(layer, x) };
    let [height, width] = conv.size_out();
    let shape = [conv.batch, conv.outputs, height, width];
    let weight = layer.weight.val().into_dispatch();
    match &layer.bias {
        Some(bias) => {
            graph::run(Convolution(conv), [x.into_dispatch(), weight, bias.val().into_dispatch()], shape)
        }
        None => graph::run(Convolution(conv), [x.into_dispatch(), weight], shape),
    }
}

fn by_burn(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let ([batch, inputs, height, width], [outputs, ..]) = (x.dims(), layer.weight.dims());
    let plain = layer.groups == 1 && layer.padding == PaddingConfig2d::Explicit(0, 0, 0, 0);
    if !plain || layer.kernel_size != [1, 1] || layer.stride != [1, 1] {
        return layer.forward(x);
    }
    // The gradient of a matrix product takes half the time of the convolution's on CPUs.
    let weight = layer.weight.val().reshape([1, outputs, inputs]);
    let y = weight.matmul(x.flatten::<3>(2, 3)).reshape([batch, outputs, height, width]);
    match &layer.bias {
        Some(bias) => y + bias.val().reshape([1, outputs, 1, 1]),
        None => y,
    }
}

/// None for a convolution that is left to Burn.
fn geometry(layer: &Conv2d, x: &Tensor<4>) -> Option<Conv> {
    let ([batch, inputs, height, width], weight) = (x.dims(), layer.weight.val());
    let [outputs, channels, down, across] = weight.dims();
    let padding @ [top, left, bottom, right] = match layer.padding {
        PaddingConfig2d::Valid => [0; 4],
        PaddingConfig2d::Explicit(top, left, bottom, right) => [top, left, bottom, right],
        PaddingConfig2d::Same => return None,
    };
    let ours = layer.groups == 1
        && layer.dilation == [1, 1]
        && channels == inputs
        && batch > 0
        && height + top + bottom >= down
        && width + left + right >= across
        && graph::runs_on(x)
        && graph::runs_on(&weight);
    let (size, kernel, stride) = ([height, width], [down, across], layer.stride);
    ours.then_some(Conv { batch, inputs, outputs, size, kernel, stride, padding })
}

#[derive(Clone, Debug)]
struct Convolution(Conv);

impl Convolution {
    fn gradients(&self, [x, weight]: [&[f32]; 2], dy: &[f32], wanted: [bool; 2]) -> [Option<Vec<f32>>; 2] {
        let simd = Simd::best();
        [
            wanted[0].then(|| input_gradient(simd, self.0, dy, weight)),
            wanted[1].then(|| weight_gradient(simd, self.0, x, dy)),
        ]
    }
}

impl Kernel<2> for Convolution {
    const NEEDED: [bool; 2] = [true, true];
    type Kept = ();

    fn forward(&self, [x, weight]: [&[f32]; 2]) -> (Vec<f32>, ()) {
        (convolve(Simd::best(), self.0, x, weight, None), ())
    }

    fn backward(&self, inputs: [&[f32]; 2], _: &(), dy: &[f32], wanted: [bool; 2]) -> [Option<Vec<f32>>; 2] {
        self.gradients(inputs, dy, wanted)
    }
}

impl Kernel<3> for Convolution {
    const NEEDED: [bool; 3] = [true, true, false];
    type Kept = ();

    fn forward(&self, [x, weight, bias]: [&[f32]; 3]) -> (Vec<f32>, ()) {
        (convolve(Simd::best(), self.0, x, weight, Some(bias)), ())
    }

    fn backward(
        &self,
        [x, weight, _]: [&[f32]; 3],
        _: &(),
        dy: &[f32],
        wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let [dx, dweight] = self.gradients([x, weight], dy, [wanted[0], wanted[1]]);
        let [height, width] = self.0.size_out();
        [dx, dweight, wanted[2].then(|| bias_gradient(dy, self.0.outputs, height * width))]
    }
}

use kernels::cpu::convolution::{bias_gradient, convolve, input_gradient, weight_gradient};
use kernels::cpu::direct::{self, Conv};
use kernels::cpu::simd::Simd;
use kernels::cpu::winograd::{self, Conv3x3};
use proptest::prelude::*;

use crate::close::{assert_close, normal, on_threads};

/// Winograd's transforms cost a little more than one decimal of f32's seven; sums are of up to 144 products here.
const TOLERANCE: f64 = 2e-5;

struct Case {
    conv: Conv,
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
}

#[derive(Debug, PartialEq)]
struct Results {
    y: Vec<f32>,
    dx: Vec<f32>,
    dweight: Vec<f32>,
    dbias: Vec<f32>,
}

impl Case {
    fn new(conv: Conv) -> Self {
        let [height, width] = conv.size_out();
        Self {
            conv,
            x: normal(conv.batch * conv.inputs * conv.size[0] * conv.size[1], 0),
            weight: normal(conv.outputs * conv.inputs * conv.kernel[0] * conv.kernel[1], 1),
            bias: normal(conv.outputs, 2),
            dy: normal(conv.batch * conv.outputs * height * width, 3),
        }
    }

    fn results(&self, simd: Simd) -> Results {
        let [height, width] = self.conv.size_out();
        Results {
            y: convolve(simd, self.conv, &self.x, &self.weight, Some(&self.bias)),
            dx: input_gradient(simd, self.conv, &self.dy, &self.weight),
            dweight: weight_gradient(simd, self.conv, &self.x, &self.dy),
            dbias: bias_gradient(&self.dy, self.conv.outputs, height * width),
        }
    }

    fn check(&self, results: &Results) {
        let (y, dx, dweight, dbias) = self.in_f64();
        assert_close("y", &results.y, &y, TOLERANCE);
        assert_close("dx", &results.dx, &dx, TOLERANCE);
        assert_close("dweight", &results.dweight, &dweight, TOLERANCE);
        assert_close("dbias", &results.dbias, &dbias, TOLERANCE);
    }

    /// By the definition.
    fn in_f64(&self) -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>) {
        let Conv { inputs, outputs, size, kernel, stride, padding, .. } = self.conv;
        let [height, width] = self.conv.size_out();
        let (mut y, mut dx) = (vec![0.0; self.dy.len()], vec![0.0; self.x.len()]);
        let (mut dweight, mut dbias) = (vec![0.0; self.weight.len()], vec![0.0; outputs]);
        for (at, y) in y.iter_mut().enumerate() {
            let (image, output) = (at / (outputs * height * width), at / (height * width) % outputs);
            let [row, column] = [at / width % height, at % width];
            *y += f64::from(self.bias[output]);
            dbias[output] += f64::from(self.dy[at]);
            for tap in 0..inputs * kernel[0] * kernel[1] {
                let (input, down, across) =
                    (tap / (kernel[0] * kernel[1]), tap / kernel[1] % kernel[0], tap % kernel[1]);
                let (row, column) = (row * stride[0] + down, column * stride[1] + across);
                let inside =
                    |at: usize, before: usize, size: usize| at.checked_sub(before).filter(|&at| at < size);
                let Some(row) = inside(row, padding[0], size[0]) else { continue };
                let Some(column) = inside(column, padding[1], size[1]) else { continue };
                let from = ((image * inputs + input) * size[0] + row) * size[1] + column;
                let weight = output * inputs * kernel[0] * kernel[1] + tap;
                *y += f64::from(self.x[from]) * f64::from(self.weight[weight]);
                dx[from] += f64::from(self.dy[at]) * f64::from(self.weight[weight]);
                dweight[weight] += f64::from(self.dy[at]) * f64::from(self.x[from]);
            }
        }
        (y, dx, dweight, dbias)
    }
}

fn any_conv() -> impl Strategy<Value = Conv> {
    let sizes = (1..3_usize, 1..20_usize, 1..36_usize, [1..12_usize, 1..12], [1..4_usize, 1..4]);
    (sizes, [1..3_usize, 1..3], [0..3_usize, 0..3, 0..3, 0..3])
        .prop_map(|((batch, inputs, outputs, size, kernel), stride, padding)| Conv {
            batch,
            inputs,
            outputs,
            size,
            kernel,
            stride,
            padding,
        })
        .prop_filter("the taps fit", |conv| {
            let [top, left, bottom, right] = conv.padding;
            conv.size[0] + top + bottom >= conv.kernel[0] && conv.size[1] + left + right >= conv.kernel[1]
        })
}

/// Of the network's kinds: 3x3 with a border, and 1x1.
fn common_conv() -> impl Strategy<Value = Conv> {
    (1..4_usize, 1..40_usize, 1..40_usize, [1..19_usize, 1..19], any::<bool>()).prop_map(
        |(batch, inputs, outputs, size, pointwise)| {
            let (kernel, padding) = if pointwise { ([1; 2], [0; 4]) } else { ([3; 2], [1; 4]) };
            Conv { batch, inputs, outputs, size, kernel, stride: [1, 1], padding }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_convolution_is_the_definition(conv in any_conv()) {
        let case = Case::new(conv);
        case.check(&case.results(Simd::best()));
    }

    #[test]
    fn common_convolutions_are_the_definition_on_every_instruction_set(conv in common_conv()) {
        let case = Case::new(conv);
        for simd in Simd::available() {
            case.check(&case.results(simd));
        }
    }

    /// The plainest path through Winograd's algorithm, which small pictures would not take.
    #[test]
    fn winograd_is_the_definition_for_any_number_of_tiles(
        batch in 1..3_usize, inputs in 16..50_usize, outputs in 1..70_usize, size in [1..10_usize, 1..10],
    ) {
        let [height, width] = size;
        let case = Case::new(Conv {
            batch, inputs, outputs, size, kernel: [3; 2], stride: [1; 2], padding: [1; 4],
        });
        let (conv, simd) = (Conv3x3 { batch, inputs, outputs, height, width }, Simd::best());
        let (y, dx, dweight, _) = case.in_f64();
        let bias = Some(&case.bias[..]);
        assert_close("y", &winograd::convolve(simd, conv, &case.x, &case.weight, bias), &y, TOLERANCE);
        assert_close("dx", &winograd::input_gradient(simd, conv, &case.dy, &case.weight), &dx, TOLERANCE);
        assert_close("dweight", &winograd::weight_gradient(simd, conv, &case.x, &case.dy), &dweight, TOLERANCE);
    }
}

fn convs() -> [Conv; 5] {
    let conv = Conv {
        batch: 3,
        inputs: 33,
        outputs: 40,
        size: [12, 17],
        kernel: [3; 2],
        stride: [1; 2],
        padding: [1; 4],
    };
    [
        conv,
        Conv { batch: 1, ..conv },
        Conv { inputs: 5, ..conv },
        Conv { stride: [2; 2], padding: [0, 0, 1, 1], ..conv },
        Conv { kernel: [1; 2], padding: [0; 4], ..conv },
    ]
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for conv in convs() {
        let case = Case::new(conv);
        let one = on_threads(1, || case.results(Simd::best()));
        for threads in [2, 3, 8] {
            assert_eq!(
                on_threads(threads, || case.results(Simd::best())),
                one,
                "{conv:?} on {threads} threads"
            );
        }
    }
}

/// Both round a product and its sum once.
#[test]
#[cfg(target_arch = "x86_64")]
fn avx2_rounds_as_avx512_does() {
    let fused: Vec<_> = Simd::available().into_iter().filter(|simd| simd.is_fused()).collect();
    for conv in convs() {
        let case = Case::new(conv);
        let results: Vec<_> = fused.iter().map(|&simd| case.results(simd)).collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{conv:?}");
    }
}

/// The error of F(4x4, 3x3) at the size of a real layer, next to that of multiplying directly.
#[test]
fn winograd_rounds_a_few_times_worse_than_the_definition() {
    let (batch, inputs, outputs, size) = (1, 128, 32, [16; 2]);
    let case =
        Case::new(Conv { batch, inputs, outputs, size, kernel: [3; 2], stride: [1; 2], padding: [1; 4] });
    let (expected, ..) = case.in_f64();
    let error = |values: &[f32]| {
        let squares = values.iter().zip(&expected).map(|(y, e)| (f64::from(*y) - e).powi(2)).sum::<f64>();
        (squares / expected.iter().map(|e| e * e).sum::<f64>()).sqrt()
    };
    let (simd, bias) = (Simd::best(), Some(&case.bias[..]));
    let conv = Conv3x3 { batch, inputs, outputs, height: size[0], width: size[1] };
    let fast = error(&winograd::convolve(simd, conv, &case.x, &case.weight, bias));
    let plain = error(&direct::convolve(simd, case.conv, &case.x, &case.weight, bias));
    assert!(fast < 2e-6 && fast < 12.0 * plain, "{fast:.1e} against {plain:.1e}");
}

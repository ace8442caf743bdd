//! What transformer blocks are made of besides attention and projections.

use kernels::cpu::geglu;
use kernels::cpu::layer_norm::{self, LayerNorm};
use kernels::cpu::simd::Simd;
use proptest::prelude::*;

use crate::close::{assert_close, normal, on_threads};

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// The gradient of `f(inputs)` times `dy` with respect to one input, by central differences.
fn differences(
    inputs: &[Vec<f64>],
    input: usize,
    dy: &[f32],
    f: impl Fn(&[Vec<f64>]) -> Vec<f64>,
) -> Vec<f64> {
    let step = 1e-4;
    let along = |i: usize, to: f64| {
        let mut inputs = inputs.to_vec();
        inputs[input][i] += to;
        f(&inputs).iter().zip(dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>()
    };
    (0..inputs[input].len()).map(|i| (along(i, step) - along(i, -step)) / (2.0 * step)).collect()
}

/// Of `[x, gamma, beta]`, by the definition; gamma and beta have a value for each channel of each element.
fn norm_in_f64(norm: LayerNorm, inputs: &[Vec<f64>]) -> Vec<f64> {
    let LayerNorm { channels, positions, epsilon } = norm;
    let [x, gamma, beta] = inputs else { panic!("three inputs") };
    let mut y = vec![0.0; x.len()];
    for element in 0..x.len() / (channels * positions) {
        for position in 0..positions {
            let at = |c: usize| (element * channels + c) * positions + position;
            let of =
                |f: &dyn Fn(f64) -> f64| (0..channels).map(|c| f(x[at(c)])).sum::<f64>() / channels as f64;
            let mean = of(&|x| x);
            let deviation = (of(&|x| (x - mean).powi(2)) + f64::from(epsilon)).sqrt();
            for c in 0..channels {
                let i = element * channels + c;
                y[at(c)] = gamma[i] * (x[at(c)] - mean) / deviation + beta[i];
            }
        }
    }
    y
}

struct Normed {
    norm: LayerNorm,
    batch: usize,
    x: Vec<f32>,
    affine: [Vec<f32>; 2],
    dy: Vec<f32>,
}

impl Normed {
    fn new(norm: LayerNorm, batch: usize) -> Self {
        let count = batch * norm.channels * norm.positions;
        let affine = [1, 2].map(|i| normal(norm.channels, i));
        Self { norm, batch, x: normal(count, 0), affine, dy: normal(count, 3) }
    }

    fn inputs(&self) -> [Vec<f64>; 3] {
        let [gamma, beta] = [0, 1].map(|i| wide(&self.affine[i]).repeat(self.batch));
        [wide(&self.x), gamma, beta]
    }

    /// The value, and the gradients of x, gamma and beta.
    fn results(&self, simd: Simd) -> [Vec<f32>; 4] {
        let [gamma, beta] = &self.affine;
        let (y, statistics) = layer_norm::normalize(simd, self.norm, &self.x, gamma, beta);
        let all = layer_norm::gradients(simd, self.norm, &self.x, gamma, &statistics, &self.dy);
        [y, all.x, all.gamma, all.beta]
    }

    fn check(&self, simd: Simd) {
        let [y, gradients @ ..] = self.results(simd);
        assert_close("y", &y, &norm_in_f64(self.norm, &self.inputs()), 1e-5);
        for (input, gradient) in gradients.iter().enumerate() {
            let expected = differences(&self.inputs(), input, &self.dy, |x| norm_in_f64(self.norm, x));
            assert_close(["dx", "dgamma", "dbeta"][input], gradient, &expected, 2e-4);
        }
    }
}

/// Of `[x]`, by the definition, with an error function from its series.
fn geglu_in_f64(half: usize, inputs: &[Vec<f64>]) -> Vec<f64> {
    let product = |x: &[f64]| {
        let (a, b) = x.split_at(half);
        a.iter().zip(b).map(|(a, b)| a * b * 0.5 * (1.0 + erf(b / 2_f64.sqrt()))).collect::<Vec<_>>()
    };
    inputs[0].chunks(2 * half).flat_map(product).collect()
}

/// 2 / sqrt(pi) times the sum of (-1)^n x^(2 n + 1) / (n! (2 n + 1)), whose terms are below 1e-17 at the end.
fn erf(x: f64) -> f64 {
    if x.abs() > 4.5 {
        return x.signum();
    }
    let (mut power, mut sum) = (x, x);
    for n in 1..120 {
        power *= -x * x / f64::from(n);
        sum += power / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of two channels nothing but signs is left, and the gradient is a difference of numbers that are nearly the same.
    #[test]
    fn layer_normalization_and_its_gradients_are_the_definition(
        batch in 1..3_usize, channels in 4..10_usize, positions in 1..40_usize,
    ) {
        let norm = LayerNorm { channels, positions, epsilon: 1e-5 };
        for simd in Simd::available() {
            Normed::new(norm, batch).check(simd);
        }
    }

    #[test]
    fn geglu_and_its_gradient_are_the_definition(batch in 1..3_usize, half in 1..60_usize) {
        let (x, dy) = (normal(2 * batch * half, 0), normal(batch * half, 1));
        for simd in Simd::available() {
            let inputs = [wide(&x)];
            assert_close("y", &geglu::multiply(simd, half, &x), &geglu_in_f64(half, &inputs), 1e-6);
            let expected = differences(&inputs, 0, &dy, |x| geglu_in_f64(half, x));
            assert_close("dx", &geglu::gradient(simd, half, &x, &dy), &expected, 1e-5);
        }
    }
}

/// Both polynomials, where they meet, and beyond the last; gates of x itself, so that `y = gelu(x)`.
#[test]
fn gates_are_right_from_end_to_end() {
    let gates: Vec<f32> = (-1200..=1200).map(|i| i as f32 / 100.0).collect();
    let x = [vec![1.0; gates.len()], gates.clone()].concat();
    let expected = geglu_in_f64(gates.len(), &[wide(&x)]);
    for simd in Simd::available() {
        for (y, expected) in geglu::multiply(simd, gates.len(), &x).iter().zip(&expected) {
            assert!(
                (f64::from(*y) - expected).abs() <= 3e-7 * expected.abs().max(1.0),
                "{y}, not {expected}"
            );
        }
    }
}

/// More positions than are summed together, more numbers than a thread takes at once.
#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let case = Normed::new(LayerNorm { channels: 20, positions: 700, epsilon: 1e-5 }, 2);
    let flat = |threads| {
        on_threads(threads, || {
            let product = geglu::multiply(Simd::best(), 7000, &case.x);
            let gradient = geglu::gradient(Simd::best(), 7000, &case.x, &case.dy[..14_000]);
            [case.results(Simd::best()).concat(), product, gradient].concat()
        })
    };
    assert_eq!(flat(1), flat(2));
    assert_eq!(flat(1), flat(5));
    let expected = norm_in_f64(case.norm, &case.inputs());
    assert_close("y", &case.results(Simd::best())[0], &expected, 1e-5);
}

use kernels::cpu::norm::{Gradients, Norm, PerChannel, gradients, normalize};
use kernels::cpu::simd::Simd;
use proptest::prelude::*;

use crate::close::{assert_close, normal, on_threads};

struct Case {
    norm: Norm,
    x: Vec<f32>,
    /// `before`, `scale` and `shift`.
    channels: [Vec<f32>; 3],
    dy: Vec<f32>,
}

impl Case {
    fn new(norm: Norm, batch: usize) -> Self {
        let (count, channels) = (batch * norm.channels * norm.pixels, batch * norm.channels);
        Self {
            norm,
            x: normal(count, 0),
            channels: [1, 2, 3].map(|i| normal(channels, i)),
            dy: normal(count, 4),
        }
    }

    fn values(&self) -> PerChannel<'_> {
        let [before, scale, shift] = &self.channels;
        PerChannel { before, scale, shift }
    }

    fn results(&self, simd: Simd) -> (Vec<f32>, Gradients) {
        let (y, statistics) = normalize(simd, self.norm, &self.x, self.values());
        (y, gradients(simd, self.norm, &self.x, self.values(), &statistics, &self.dy))
    }

    /// By the definition.
    fn in_f64(&self, inputs: &[Vec<f64>; 4]) -> Vec<f64> {
        let Norm { channels, groups, pixels, epsilon, silu } = self.norm;
        let [x, before, scale, shift] = inputs;
        let size = channels / groups * pixels;
        let x: Vec<f64> = x.iter().enumerate().map(|(i, x)| x + before[i / pixels]).collect();
        let mut y = Vec::new();
        for group in x.chunks(size) {
            let mean = group.iter().sum::<f64>() / size as f64;
            let variance = group.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / size as f64;
            for x in group {
                let channel = y.len() / pixels;
                let z = (x - mean) / (variance + f64::from(epsilon)).sqrt() * scale[channel] + shift[channel];
                y.push(if silu { z / (1.0 + (-z).exp()) } else { z });
            }
        }
        y
    }

    fn inputs(&self) -> [Vec<f64>; 4] {
        let [before, scale, shift] = &self.channels;
        [&self.x, before, scale, shift].map(|values| values.iter().map(|&value| f64::from(value)).collect())
    }

    /// By central differences of the definition.
    fn gradient_in_f64(&self, input: usize) -> Vec<f64> {
        let step = 1e-4;
        let mut inputs = self.inputs();
        let mut along = |i: usize, to: f64| {
            inputs[input][i] += to;
            let y = self.in_f64(&inputs);
            inputs[input][i] -= to;
            y.iter().zip(&self.dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>()
        };
        let count = self.inputs()[input].len();
        (0..count).map(|i| (along(i, step) - along(i, -step)) / (2.0 * step)).collect()
    }

    fn check(&self, simd: Simd) {
        let (y, gradients) = self.results(simd);
        assert_close("y", &y, &self.in_f64(&self.inputs()), 1e-5);
        let Gradients { x, before, scale, shift } = gradients;
        for (i, (name, gradient)) in
            [("dx", x), ("dbefore", before), ("dscale", scale), ("dshift", shift)].into_iter().enumerate()
        {
            assert_close(name, &gradient, &self.gradient_in_f64(i), 1e-4);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn normalization_and_its_gradients_are_the_definition(
        batch in 1..3_usize, groups in 1..4_usize, group in 1..4_usize, pixels in 3..40_usize, silu: bool,
    ) {
        let norm = Norm { channels: groups * group, groups, pixels, epsilon: 1e-5, silu };
        for simd in Simd::available() {
            Case::new(norm, batch).check(simd);
        }
    }
}

/// Far from zero the sums must not cancel, and SiLU must neither overflow nor lose its tail.
#[test]
fn large_values_lose_nothing() {
    let norm = Norm { channels: 2, groups: 2, pixels: 64, epsilon: 1e-5, silu: true };
    let mut case = Case::new(norm, 1);
    case.channels[1] = vec![60.0, -60.0];
    case.check(Simd::best());
    case.channels[1] = vec![1.0; 2];
    case.x.iter_mut().for_each(|x| *x += 1000.0);
    let (y, _) = case.results(Simd::best());
    assert_close("y", &y, &case.in_f64(&case.inputs()), 1e-3);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let case = Case::new(Norm { channels: 24, groups: 8, pixels: 49, epsilon: 1e-5, silu: true }, 3);
    let flat = |threads| {
        let (y, gradients) = on_threads(threads, || case.results(Simd::best()));
        [y, gradients.x, gradients.before, gradients.scale, gradients.shift].concat()
    };
    assert_eq!(flat(1), flat(2));
    assert_eq!(flat(1), flat(5));
}

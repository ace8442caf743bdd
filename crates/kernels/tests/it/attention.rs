use kernels::cpu::attention::{Attention, attend, gradients};
use kernels::cpu::simd::Simd;
use proptest::prelude::*;

use crate::close::{assert_close, normal, on_threads};

/// By the definition, `[heads, channels, pixels]`.
fn in_f64(attention: Attention, [q, k, v]: &[Vec<f64>; 3]) -> Vec<f64> {
    let Attention { channels, pixels } = attention;
    let mut mixed = vec![0.0; q.len()];
    for head in (0..q.len()).step_by(channels * pixels) {
        for query in 0..pixels {
            let logit = |key: usize| {
                let products =
                    (0..channels).map(|c| q[head + c * pixels + query] * k[head + c * pixels + key]);
                products.sum::<f64>() / (channels as f64).sqrt()
            };
            let logits: Vec<f64> = (0..pixels).map(logit).collect();
            let largest = logits.iter().copied().fold(f64::MIN, f64::max);
            let weights: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
            let total: f64 = weights.iter().sum();
            for c in 0..channels {
                let values = &v[head + c * pixels..][..pixels];
                let sum: f64 = weights.iter().zip(values).map(|(weight, v)| weight * v).sum();
                mixed[head + c * pixels + query] = sum / total;
            }
        }
    }
    mixed
}

fn gradient_in_f64(attention: Attention, inputs: &[Vec<f64>; 3], which: usize, dy: &[f32]) -> Vec<f64> {
    let step = 1e-4;
    let mut inputs = inputs.clone();
    let mut along = |i: usize, to: f64| {
        inputs[which][i] += to;
        let y = in_f64(attention, &inputs);
        inputs[which][i] -= to;
        y.iter().zip(dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>()
    };
    (0..dy.len()).map(|i| (along(i, step) - along(i, -step)) / (2.0 * step)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn attention_and_its_gradients_are_the_definition(
        heads in 1..3_usize, channels in 1..6_usize, pixels in 1..20_usize,
    ) {
        let attention = Attention { channels, pixels };
        let inputs = [0, 1, 2].map(|i| normal(heads * channels * pixels, i));
        let dy = normal(heads * channels * pixels, 3);
        let exact = inputs.each_ref().map(|x| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        for simd in Simd::available() {
            let [q, k, v] = inputs.each_ref().map(|x| &x[..]);
            assert_close("y", &attend(simd, attention, q, k, v), &in_f64(attention, &exact), 1e-5);
            let all = gradients(simd, attention, [q, k, v], &dy);
            for (which, gradient) in [all.q, all.k, all.v].iter().enumerate() {
                assert_close("gradient", gradient, &gradient_in_f64(attention, &exact, which, &dy), 1e-4);
            }
        }
    }
}

/// More pixels than are taken at once, and logits that would overflow.
#[test]
fn many_pixels_are_taken_in_parts() {
    let attention = Attention { channels: 8, pixels: 150 };
    let inputs = [0, 1, 2].map(|i| normal(8 * 150, i).iter().map(|x| 20.0 * x).collect::<Vec<_>>());
    let exact = inputs.each_ref().map(|x| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
    let [q, k, v] = inputs.each_ref().map(|x| &x[..]);
    assert_close("y", &attend(Simd::best(), attention, q, k, v), &in_f64(attention, &exact), 1e-3);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let attention = Attention { channels: 12, pixels: 100 };
    let [q, k, v, dy] = [0, 1, 2, 3].map(|i| normal(3 * 1200, i));
    let run = |threads| on_threads(threads, || gradients(Simd::best(), attention, [&q, &k, &v], &dy));
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(7));
}

use kernels::cpu::attention::{Attention, Inputs, attend, gradients};
use kernels::cpu::simd::Simd;
use proptest::prelude::*;

use crate::close::{assert_close, normal, on_threads};

/// By the definition, `[heads, channels, positions]`; all heads have the same bias.
fn in_f64(attention: Attention, [q, k, v]: &[Vec<f64>; 3], bias: &[f32]) -> Vec<f64> {
    let Attention { channels, queries, keys } = attention;
    let mut mixed = vec![0.0; q.len()];
    for head in 0..q.len() / (channels * queries) {
        let (q, k, v) =
            (&q[head * channels * queries..], &k[head * channels * keys..], &v[head * channels * keys..]);
        for query in 0..queries {
            let logit = |key: usize| {
                let products = (0..channels).map(|c| q[c * queries + query] * k[c * keys + key]);
                let bias = bias.get(key).map_or(0.0, |&bias| f64::from(bias));
                products.sum::<f64>() / (channels as f64).sqrt() + bias
            };
            let logits: Vec<f64> = (0..keys).map(logit).collect();
            let largest = logits.iter().copied().fold(f64::MIN, f64::max);
            let weights: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
            let total: f64 = weights.iter().sum();
            for c in 0..channels {
                let sum: f64 = weights.iter().zip(&v[c * keys..]).map(|(weight, v)| weight * v).sum();
                mixed[(head * channels + c) * queries + query] = sum / total;
            }
        }
    }
    mixed
}

fn gradient_in_f64(
    attention: Attention,
    inputs: &[Vec<f64>; 3],
    bias: &[f32],
    which: usize,
    dy: &[f32],
) -> Vec<f64> {
    let step = 1e-4;
    let (mut inputs, count) = (inputs.clone(), inputs[which].len());
    let mut along = |i: usize, to: f64| {
        inputs[which][i] += to;
        let y = in_f64(attention, &inputs, bias);
        inputs[which][i] -= to;
        y.iter().zip(dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>()
    };
    (0..count).map(|i| (along(i, step) - along(i, -step)) / (2.0 * step)).collect()
}

fn borrow<'a>([q, k, v]: &'a [Vec<f32>; 3], bias: &'a [f32]) -> Inputs<'a> {
    Inputs { q, k, v, bias }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn attention_and_its_gradients_are_the_definition(
        heads in 1..3_usize, channels in 1..6_usize, queries in 1..20_usize, keys in 1..20_usize, biased: bool,
    ) {
        let attention = Attention { channels, queries, keys };
        let inputs = [(queries, 0), (keys, 1), (keys, 2)].map(|(n, i)| normal(heads * channels * n, i));
        let dy = normal(heads * channels * queries, 3);
        let bias = if biased { normal(keys, 4) } else { Vec::new() };
        let exact = inputs.each_ref().map(|x| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        for simd in Simd::available() {
            let inputs = borrow(&inputs, &bias);
            assert_close("y", &attend(simd, attention, inputs), &in_f64(attention, &exact, &bias), 1e-5);
            let all = gradients(simd, attention, inputs, &dy);
            for (which, gradient) in [all.q, all.k, all.v].iter().enumerate() {
                let expected = gradient_in_f64(attention, &exact, &bias, which, &dy);
                assert_close("gradient", gradient, &expected, 1e-4);
            }
        }
    }
}

/// A key that no query may see changes nothing, in either image.
#[test]
fn images_have_biases_of_their_own() {
    let attention = Attention { channels: 3, queries: 5, keys: 2 };
    let inputs = [30, 12, 12].map(|n| normal(n, n as u64));
    let first_only = attend(Simd::best(), attention, borrow(&inputs, &[0.0, -1e4, -1e4, 0.0]));
    for (head, visible) in [(0, 0), (1, 1)] {
        for (i, mixed) in first_only[head * 15..][..15].iter().enumerate() {
            assert_eq!(*mixed, inputs[2][head * 6 + 2 * (i / 5) + visible]);
        }
    }
}

/// More pixels than are taken at once, and logits that would overflow.
#[test]
fn many_pixels_are_taken_in_parts() {
    let attention = Attention { channels: 8, queries: 150, keys: 150 };
    let inputs = [0, 1, 2].map(|i| normal(8 * 150, i).iter().map(|x| 20.0 * x).collect::<Vec<_>>());
    let exact = inputs.each_ref().map(|x| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
    let mixed = attend(Simd::best(), attention, borrow(&inputs, &[]));
    assert_close("y", &mixed, &in_f64(attention, &exact, &[]), 1e-3);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let attention = Attention { channels: 12, queries: 100, keys: 100 };
    let (inputs, dy) = ([0, 1, 2].map(|i| normal(3 * 1200, i)), normal(3 * 1200, 3));
    let run = |threads| on_threads(threads, || gradients(Simd::best(), attention, borrow(&inputs, &[]), &dy));
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(7));
}

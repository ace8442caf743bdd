use kernels::cpu::activation::{Activation, gradient, values};
use kernels::cpu::simd::Simd;

/// Where the value is small as where it is large; below -87 it is next to nothing.
#[test]
fn softplus_is_the_definition_to_a_few_units_in_the_last_place() {
    let x: Vec<f32> = (-8700..8700).map(|i| i as f32 * 0.01 + 0.001).chain([-1e-8, 0.0, 1e6, -1e6]).collect();
    for simd in Simd::available() {
        let y = values(simd, Activation::Softplus, &x);
        let dx = gradient(simd, Activation::Softplus, &x, &vec![1.0; x.len()]);
        for ((x, y), dx) in x.iter().zip(y).zip(dx) {
            let wide = f64::from(*x);
            let value = wide.max(0.0) + (-wide.abs()).exp().ln_1p();
            let slope = 1.0 / (1.0 + (-wide).exp());
            for (ours, expected) in [(y, value), (dx, slope)] {
                let error = (f64::from(ours) - expected).abs();
                assert!(error <= 5e-7 * expected + 2e-38, "{ours} is not {expected} at {x} with {simd:?}");
            }
        }
    }
}

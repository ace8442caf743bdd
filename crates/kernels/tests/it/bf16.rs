use kernels::cpu::bf16;
use kernels::cpu::block::View;
use kernels::cpu::convolution::convolve;
use kernels::cpu::direct::{self, Conv};
use kernels::cpu::product::{Sizes, multiply};
use kernels::cpu::simd::Simd;

use crate::close::{assert_close, normal};

/// The nearest number with eight significant bits, ties to even.
fn rounded(x: f32) -> f64 {
    let unit = 2f64.powi(f64::from(x.abs()).log2().floor() as i32 - 7);
    (f64::from(x) / unit).round_ties_even() * unit
}

/// With the instructions, if this CPU has them, and in steps on every instruction set.
fn ways() -> Vec<Simd> {
    let hardware = bf16::is_in_hardware().then(|| Simd::best().with_bf16());
    hardware.into_iter().chain(Simd::available().into_iter().map(Simd::with_emulated_bf16)).collect()
}

#[test]
fn operands_are_rounded_and_sums_are_not() {
    for (rows, depth, columns) in [(1, 1, 1), (7, 33, 40), (30, 300, 64), (12, 64, 32)] {
        let (a, b) = (normal(rows * depth, 0), normal(depth * columns, 1));
        let mut expected = vec![0.0; rows * columns];
        for (i, sum) in expected.iter_mut().enumerate() {
            let products = |k| rounded(a[i / columns * depth + k]) * rounded(b[k * columns + i % columns]);
            *sum = 1.0 + (0..depth).map(products).sum::<f64>();
        }
        for simd in ways() {
            let mut c = vec![1.0; rows * columns];
            let a = View { data: &a, row: depth, column: 1 };
            let b = View { data: &b, row: columns, column: 1 };
            multiply(simd, Sizes { rows, depth, columns }, a, b, &mut c, columns, true);
            assert_close(&format!("{simd:?}"), &c, &expected, 2e-6);
        }
    }
}

#[test]
fn what_is_no_number_stays_none() {
    for simd in ways() {
        let (a, b) = ([f32::from_bits(0x7f80_0001)], [1.0]);
        let [a, b] = [&a, &b].map(|data| View { data, row: 1, column: 1 });
        let mut c = [0.0];
        multiply(simd, Sizes { rows: 1, depth: 1, columns: 1 }, a, b, &mut c, 1, false);
        assert!(c[0].is_nan(), "{simd:?}");
    }
}

/// Root mean square errors at the size of a real layer: operands rounded to eight bits, and those of Winograd's algorithm,
/// whose transforms make more of it.
#[test]
fn convolutions_lose_what_is_stated() {
    let conv = Conv {
        batch: 1,
        inputs: 128,
        outputs: 32,
        size: [16; 2],
        kernel: [3; 2],
        stride: [1; 2],
        padding: [1; 4],
    };
    let (x, weight) = (normal(128 * 256, 0), normal(32 * 128 * 9, 1));
    let expected = direct::convolve(Simd::best(), conv, &x, &weight, None);
    let error = |y: Vec<f32>| {
        let squares = |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x * x)).sum::<f64>();
        let difference = squares(&mut y.iter().zip(&expected).map(|(y, e)| y - e));
        (difference / squares(&mut expected.iter().copied())).sqrt()
    };
    for simd in ways() {
        let plain = error(direct::convolve(simd, conv, &x, &weight, None));
        let fast = error(convolve(simd, conv, &x, &weight, None));
        println!("{simd:?}: direct {plain:.1e}, winograd {fast:.1e}");
        assert!((1e-3..4e-3).contains(&plain) && (5e-3..5e-2).contains(&fast), "{plain:.1e}, {fast:.1e}");
    }
}

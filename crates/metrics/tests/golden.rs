//! Every distance between two sets against what golden/make.py recorded.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use metrics::{
    Features, Gaussian, Subsets, density_coverage, frechet_distance, kernel_distance, precision_recall,
};

fn wave(rows: usize, width: usize, pace: f64, shift: f64) -> Features {
    let value = |i: usize| ((pace * (i as f64).powf(1.1)).sin() + shift) as f32;
    Features::new((0..rows * width).map(value).collect(), width).unwrap()
}

#[test]
fn distances_are_the_papers() {
    let golden: serde_json::Value = include_str!("golden/sets.json").parse().unwrap();
    let (real, fake) = (wave(60, 6, 0.7, 0.0), wave(45, 6, 0.9, 0.2));
    let frechet = frechet_distance(&Gaussian::fit(&real).unwrap(), &Gaussian::fit(&fake).unwrap()).unwrap();
    let kernel = kernel_distance(&real, &fake, Subsets::default(), 0).unwrap().mean;
    let manifold = precision_recall(&real, &fake, 3).unwrap();
    let robust = density_coverage(&real, &fake, 3).unwrap();
    for (name, found) in [
        ("frechet", frechet),
        ("kernel", kernel),
        ("precision", manifold.precision),
        ("recall", manifold.recall),
        ("density", robust.density),
        ("coverage", robust.coverage),
    ] {
        let recorded = golden[name].as_f64().unwrap();
        assert!((found - recorded).abs() < 1e-6 * recorded.abs(), "{name}: {found}, not {recorded}");
    }
}

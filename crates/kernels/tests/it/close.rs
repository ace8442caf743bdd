use random::Seed;

pub fn normal(count: usize, index: u64) -> Vec<f32> {
    Seed(0).stream("kernels/tests", index).normal(count)
}

/// The largest difference may be `tolerance` of the root mean square of what is expected, or of 1: sums may cancel.
pub fn assert_close(what: &str, values: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(values.len(), expected.len(), "{what}");
    let mean = expected.iter().map(|value| value * value).sum::<f64>() / expected.len() as f64;
    for (i, (value, expected)) in values.iter().zip(expected).enumerate() {
        let error = (f64::from(*value) - expected).abs();
        assert!(error <= tolerance * mean.sqrt().max(1.0), "{what}: {value} at {i} is not {expected}");
    }
}

/// Runs on that many threads.
pub fn on_threads<R: Send>(count: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap().install(work)
}

//! Learned variances between the closed forms of their ends.

use burn::prelude::*;
use burn::tensor::DType;
use diffusion::{Ancestral, Denoiser, DiffusionError, LearnedVariance, Prediction, Solver, Stage};
use schedules::{FinalSigma, FixedVariance, NoiseLevel, ScheduleConfig, Spacing};

struct Sharing(f64);
impl Denoiser for Sharing {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        let variance = Some(LearnedVariance::Range(x.full_like(self.0)));
        Ok(Prediction { variance, ..Prediction::from_x0(x.zeros_like(), x, level) })
    }
}

/// The variance of the ancestral step between two levels, seen at unit noise around a mean of zero.
fn variance(share: f64, from: NoiseLevel, to: NoiseLevel) -> f64 {
    let x = Tensor::<4>::zeros([1, 1, 1, 1], (&Device::flex(), DType::F64));
    let mut ones = || x.ones_like();
    let stage = Stage { from, to, index: 0, total: 1 };
    let mut solver = Ancestral { variance: FixedVariance::Small };
    let (next, _) = solver.step(&Sharing(share), x.clone(), stage, &mut ones).unwrap();
    next.into_scalar::<f64>().powi(2)
}

/// Nichol & Dhariwal 2021, eqs. 15 and 19: `v = 0` is `beta_tilde` and `v = 1` is `beta` of the chain that is walked,
/// not of the one that was trained on.
#[test]
fn the_ends_are_the_variances_of_the_respaced_chain() {
    let schedule = ScheduleConfig::Cosine { s: 0.008, max_beta: 0.999 }.curve(4000).unwrap();
    for steps in [4000, 100, 25] {
        let levels = Spacing::Trailing.levels(&schedule, steps, FinalSigma::Zero).unwrap();
        for at in [0, steps / 2, steps - 2] {
            let (from, to) = (levels[at], levels[at + 1]);
            let [bar, bar_below] = [from, to].map(|level| level.alpha.powi(2));
            let beta = 1.0 - bar / bar_below;
            let beta_tilde = (1.0 - bar_below) / (1.0 - bar) * beta;
            for (v, exact) in [(0.0, beta_tilde), (1.0, beta), (0.5, (beta * beta_tilde).sqrt())] {
                let ours = variance(2.0 * v - 1.0, from, to);
                assert!((ours / exact - 1.0).abs() < 1e-9, "{steps} steps, v = {v}: {ours} is not {exact}");
            }
        }
        assert_eq!(variance(1.0, levels[steps - 1], NoiseLevel::CLEAN), 0.0, "the last step draws no noise");
    }
}

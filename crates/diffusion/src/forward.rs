use burn::prelude::*;
use schedules::NoiseLevel;

/// One noise level per image, as tensors of shape `[B, 1, 1, 1]`.
#[derive(Clone, Debug)]
pub struct Levels {
    /// Factor of the clean image.
    pub alpha: Tensor<4>,
    /// Standard deviation of the noise.
    pub sigma: Tensor<4>,
}

impl Levels {
    /// Uploads the levels of a batch; computed in `f64`, cast once.
    pub fn new(levels: &[NoiseLevel], device: &Device) -> Self {
        let column = |value: fn(&NoiseLevel) -> f64| {
            let values: Vec<f32> = levels.iter().map(|level| value(level) as f32).collect();
            Tensor::<4>::from_data(TensorData::new(values, [levels.len(), 1, 1, 1]), device)
        };
        Self { alpha: column(|level| level.alpha), sigma: column(|level| level.sigma) }
    }
}

/// `x_t = alpha x0 + sigma eps`, the forward process in closed form (Ho et al. 2020, eq. 4).
///
/// # Shapes
///
/// - x0, eps: `[B, C, H, W]`
/// - output: `[B, C, H, W]`
pub fn q_sample(x0: Tensor<4>, eps: Tensor<4>, levels: &Levels) -> Tensor<4> {
    x0 * levels.alpha.clone() + eps * levels.sigma.clone()
}

/// One step of the forward chain, `sqrt(1 - beta) x + sqrt(beta) z` (Ho et al. 2020, eq. 2).
///
/// # Shapes
///
/// - x, z: `[B, C, H, W]`
/// - output: `[B, C, H, W]`
pub fn markov_step(x: Tensor<4>, z: Tensor<4>, beta: f64) -> Tensor<4> {
    x * (1.0 - beta).sqrt() + z * beta.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use random::Seed;
    use schedules::ScheduleConfig;

    fn moments(x: Tensor<4>) -> (f64, f64) {
        let mean = x.clone().mean().into_scalar::<f64>();
        (mean, (x - mean).square().mean().into_scalar::<f64>())
    }

    /// Walking the chain and jumping by the closed form must give the same distribution.
    #[test]
    fn chain_and_closed_form_agree() {
        let device = Device::flex();
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        let shape = [64, 1, 32, 32];
        let normal = |purpose, index| {
            let values = Seed(1).stream(purpose, index).normal(shape.iter().product());
            Tensor::<4>::from_data(TensorData::new(values, shape), &device)
        };
        let steps = 200;
        let mut x = Tensor::<4>::full(shape, 0.7, &device);
        for t in 0..steps {
            x = markov_step(x, normal("chain", t as u64), schedule.betas()[t]);
        }
        let levels = Levels::new(&vec![schedule.level(steps - 1); shape[0]], &device);
        let jumped = q_sample(Tensor::full(shape, 0.7, &device), normal("jump", 0), &levels);
        let level = schedule.level(steps - 1);
        for (mean, variance) in [moments(x), moments(jumped)] {
            // Five standard errors of 65,536 values.
            assert!((mean - 0.7 * level.alpha).abs() < 5.0 * level.sigma / 256.0, "{mean}");
            assert!((variance / level.sigma.powi(2) - 1.0).abs() < 5.0 * 2f64.sqrt() / 256.0, "{variance}");
        }
    }
}

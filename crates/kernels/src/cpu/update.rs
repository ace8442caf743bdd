//! What a training step does to each parameter, in one pass over memory.
//!
//! Products and sums are rounded one by one, as separate operations would be.

use rayon::prelude::*;

use crate::cpu::simd::{Simd, vectorised};

/// Parameters that a thread takes at once.
const TOGETHER: usize = 1 << 14;

/// One step of AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Learning rate.
    pub lr: f64,
    /// Decays of the moments.
    pub betas: [f32; 2],
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Times the learning rate, the share of a weight that is forgotten.
    pub weight_decay: f32,
    /// Number of this step, from 1.
    pub time: usize,
}

impl AdamW {
    /// What the moments are divided by, having begun at 0.
    pub(crate) fn unbias(&self) -> [f32; 2] {
        self.betas.map(|beta| 1.0 - beta.powi(self.time as i32))
    }
}

/// Updates weights and moments, all of one length.
pub fn adam_w(simd: Simd, step: AdamW, weights: &mut [f32], moments: [&mut [f32]; 2], gradient: &[f32]) {
    let [first, second] = moments;
    weights
        .par_chunks_mut(TOGETHER)
        .zip(first.par_chunks_mut(TOGETHER))
        .zip(second.par_chunks_mut(TOGETHER))
        .zip(gradient.par_chunks(TOGETHER))
        .for_each(|(((weights, first), second), gradient)| {
            adam_w_part(simd, step, weights, first, second, gradient);
        });
}

/// `average <- decay average + (1 - decay) latest`
pub fn blend(simd: Simd, average: &mut [f32], latest: &[f32], decay: f64) {
    average
        .par_chunks_mut(TOGETHER)
        .zip(latest.par_chunks(TOGETHER))
        .for_each(|(average, latest)| blend_part(simd, average, latest, decay));
}

/// The sum of squares.
pub fn sum_of_squares(simd: Simd, values: &[f32]) -> f64 {
    let parts: Vec<f32> = values.par_chunks(TOGETHER).map(|part| sum_of_squares_part(simd, part)).collect();
    parts.into_iter().map(f64::from).sum()
}

/// Multiplies all.
pub fn scale(simd: Simd, values: &mut [f32], factor: f32) {
    values.par_chunks_mut(TOGETHER).for_each(|part| scale_part(simd, part, factor));
}

vectorised! {
    fn adam_w_part(step: AdamW, weights: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32]) {
        let [beta_1, beta_2] = step.betas;
        let unbias = step.unbias();
        let kept = (1.0 - step.lr * f64::from(step.weight_decay)) as f32;
        let lr = step.lr as f32;
        for (((weight, m), v), g) in weights.iter_mut().zip(first).zip(second).zip(gradient) {
            *m = *m * beta_1 + g * (1.0 - beta_1);
            *v = *v * beta_2 + g * g * (1.0 - beta_2);
            let delta = *m / unbias[0] / ((*v / unbias[1]).sqrt() + step.epsilon);
            *weight = *weight * kept - delta * lr;
        }
    }
}

vectorised! {
    fn blend_part(average: &mut [f32], latest: &[f32], decay: f64) {
        let (kept, new) = (decay as f32, (1.0 - decay) as f32);
        for (average, latest) in average.iter_mut().zip(latest) {
            *average = *average * kept + latest * new;
        }
    }
}

vectorised! {
    fn sum_of_squares_part(values: &[f32]) -> f32 {
        let mut lanes = [0.0; 32];
        let chunks = values.chunks_exact(32);
        let rest = chunks.remainder();
        for chunk in chunks {
            for lane in 0..32 {
                lanes[lane] += chunk[lane] * chunk[lane];
            }
        }
        let mut sum = lanes.iter().sum::<f32>();
        for value in rest {
            sum += value * value;
        }
        sum
    }
}

vectorised! {
    fn scale_part(values: &mut [f32], factor: f32) {
        for value in values {
            *value *= factor;
        }
    }
}

use std::ops::ControlFlow;

use burn::prelude::*;

use crate::error::DpmError;
use crate::factor::Factor;
use crate::model::Dpm;
use crate::reverse::Reverse;

/// What the observer of [`Dpm::sample`] sees after each step.
pub struct Sampled<'a> {
    /// The step of the chain that `x` is at now, from T - 1 down to 0.
    pub t: usize,
    /// The state, `[1, N, D]`.
    pub x: &'a Tensor<3>,
    /// The mean of the step, or the probabilities of 1, `[1, N, D]`.
    pub mean: &'a Tensor<3>,
}

impl Dpm {
    /// Walks back from noise to data. `noise` draws `[1, N, D]`, standard normal or uniform as the chain is.
    ///
    /// The last step is the forward kernel, as the bound has it; `factor` is what is known of the result.
    ///
    /// # Shapes
    ///
    /// - result: `[1, N, D]`
    ///
    /// # Errors
    ///
    /// [`DpmError::Stopped`] when the observer breaks off.
    pub fn sample(
        &self,
        noise: &mut dyn FnMut() -> Tensor<3>,
        factor: Option<&Factor>,
        observer: &mut dyn FnMut(Sampled) -> ControlFlow<()>,
    ) -> Result<Tensor<3>, DpmError> {
        let length = self.chain().length();
        let first = noise();
        let device = first.device();
        let mut x = self.chain().prior(&device).draw(first);
        if let Some(factor) = factor {
            x = factor.put(x, Some(&self.steps(&[length], &device)), &mut *noise);
        }
        for t in (1..=length).rev() {
            let mut kernel = match t {
                1 => self.steps(&[1], &device).unlearned(x),
                _ => self.reverse(x, &[t]),
            };
            if let Some(factor) = factor {
                kernel = factor.perturb(kernel, t, length);
            }
            x = kernel.draw(noise());
            if let Some(factor) = factor {
                let before = (t > 1).then(|| self.steps(&[t - 1], &device));
                x = factor.put(x, before.as_ref(), &mut *noise);
            }
            let mean = kernel.mean();
            if observer(Sampled { t: t - 1, x: &x, mean: &mean }).is_break() && t > 1 {
                return Err(DpmError::Stopped { done: length + 1 - t, total: length });
            }
        }
        Ok(x)
    }
}

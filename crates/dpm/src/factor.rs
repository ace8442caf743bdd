use burn::prelude::*;

use crate::chain::Steps;
use crate::kernel::Kernel;

/// What is known of a state that is to be drawn: a factor `r(x)` that the model is multiplied by (Sohl-Dickstein et al. 2015,
/// section 2.5).
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one in a process")]
pub enum Factor {
    /// Some values are given, the rest is drawn: inpainting. Each step's given values are noised as the chain noises them.
    Known {
        /// The state, `[1, 1 or N, D]`.
        state: Tensor<3>,
        /// Which of its values are given, `[1, 1 or N, D]`.
        kept: Tensor<3, Bool>,
    },
    /// All values are given, with normal noise in them: denoising, of a Gaussian chain. The noise is believed in gradually,
    /// by the power (T - t)/T at step t, so that it makes no difference to where the chain starts (section 2.5.4).
    Noisy {
        /// The state, `[1, 1 or N, D]`.
        state: Tensor<3>,
        /// Variance of its noise.
        variance: f64,
    },
}

impl Factor {
    /// The step back to `x^{t-1}`, multiplied by the factor there.
    pub(crate) fn perturb(&self, kernel: Kernel, t: usize, length: usize) -> Kernel {
        let (Self::Noisy { state, variance }, Kernel::Gaussian { variance: own, .. }) = (self, &kernel)
        else {
            return kernel;
        };
        let own = own.clone();
        let share = (length - (t - 1)) as f64 / length as f64;
        // The product of two normal laws: the gradient of the factor's logarithm, less what the step's own width
        // leaves of it.
        let precision = share / variance;
        let damping = (own.clone() * precision + 1.0).recip();
        let moved = kernel.perturbed(|mean| (state.clone() - mean) * precision * damping.clone());
        match moved {
            Kernel::Gaussian { mean, .. } => Kernel::Gaussian { mean, variance: own * damping },
            bits @ Kernel::Bernoulli { .. } => bits,
        }
    }

    /// The state `x^{t-1}` with what is given put in, noised as `before` says, which is the chain's step t - 1; `None` at
    /// the end.
    pub(crate) fn put(
        &self,
        x: Tensor<3>,
        before: Option<&Steps>,
        noise: impl FnOnce() -> Tensor<3>,
    ) -> Tensor<3> {
        let Self::Known { state, kept } = self else { return x };
        let shape = x.dims();
        let given = match before {
            Some(steps) => steps.marginal(state.clone().expand(shape)).draw(noise()),
            None => state.clone().expand(shape),
        };
        x.mask_where(kept.clone().expand(shape), given)
    }
}

use burn::tensor::Tensor;

/// The Gaussian that an image is encoded as: independent in every element of the latent.
#[derive(Clone, Debug)]
pub struct Posterior {
    /// `[B, latent channels, h, w]`
    pub mean: Tensor<4>,
    /// Logarithm of the variance, of the same shape, between -30 and 20.
    pub log_variance: Tensor<4>,
}

impl Posterior {
    /// Of moments `[B, 2 latent channels, h, w]`: means, then logarithms of variances.
    pub fn of_moments(moments: Tensor<4>) -> Self {
        let channels = moments.dims()[1] / 2;
        Self {
            mean: moments.clone().narrow(1, 0, channels),
            log_variance: moments.narrow(1, channels, channels).clamp(-30.0, 20.0),
        }
    }

    /// `mean + exp(log_variance / 2) noise`
    ///
    /// # Shapes
    ///
    /// - `noise` and output: `[B, latent channels, h, w]`
    pub fn sample(&self, noise: Tensor<4>) -> Tensor<4> {
        self.mean.clone() + (self.log_variance.clone() * 0.5).exp() * noise
    }

    /// The Kullback-Leibler divergence from the standard Gaussian in nats, summed over an image's latent: `[B]`.
    pub fn kl(&self) -> Tensor<1> {
        let (mean, log_variance) = (self.mean.clone(), self.log_variance.clone());
        let terms = mean.powf_scalar(2.0) + log_variance.clone().exp() - 1.0 - log_variance;
        (terms * 0.5).flatten::<2>(1, 3).sum_dim(1).squeeze_dim(1)
    }
}

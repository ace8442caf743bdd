use autoencoder::{Autoencoder, DiscriminatorConfig, PatchDiscriminator};
use burn::prelude::*;
use serde::{Deserialize, Serialize};

/// Nothing is weighted more, however small the gradient of the verdict is.
const MOST: f64 = 1e4;

/// The discriminator, and how much its verdict weighs (Esser et al. 2021, arXiv 2012.09841, equation 7).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdversarialConfig {
    /// The first step at which it learns and is heard: reconstructions should be fair by then.
    pub start: usize,
    /// Weight of its verdict where its gradient is as large as the error's.
    pub weight: f64,
    /// Its shape.
    pub discriminator: DiscriminatorConfig,
}

impl Default for AdversarialConfig {
    fn default() -> Self {
        Self { start: 2000, weight: 0.5, discriminator: DiscriminatorConfig::default() }
    }
}

impl AdversarialConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        let DiscriminatorConfig { channels, halvings } = self.discriminator;
        if channels == 0 || !channels.is_multiple_of(16) || channels > 1 << 12 {
            return Err(format!(
                "discriminator.channels = {channels}: it must be a multiple of 16, at most 4096"
            ));
        }
        if !(1..=6).contains(&halvings) {
            return Err(format!("discriminator.halvings = {halvings}: it must be from 1 to 6"));
        }
        match self.weight.is_finite() && self.weight >= 0.0 {
            true => Ok(()),
            false => Err(format!("weight = {}: it must be at least 0", self.weight)),
        }
    }
}

/// The gradient of the weighted verdict with respect to reconstructions `[B, C, H, W]`, on their device.
///
/// Its weight makes the verdict's gradient as large as that of the `error`, of reconstructions, at the weights of the
/// decoder's last convolution, where both are measured. Both pass that layer alone for it, so that the network is traversed
/// once.
pub(super) fn pull(
    config: &AdversarialConfig,
    autoencoder: &Autoencoder,
    discriminator: &PatchDiscriminator,
    features: &Tensor<4>,
    output: &Tensor<4>,
    error: impl Fn(Tensor<4>) -> Tensor<1>,
) -> Tensor<4> {
    let leaf = output.clone().detach().require_grad();
    let verdict = -discriminator.forward(leaf.clone()).mean();
    let by_verdict = gradient(&leaf, verdict);
    let by_error = gradient(&leaf, error(leaf.clone()));
    let norm = |direction: Tensor<4>| {
        let image = autoencoder.image(features.clone().detach());
        gradient(&autoencoder.last_weight(), (image * direction).sum()).powf_scalar(2.0).sum().sqrt()
    };
    let weight = norm(by_error) / (norm(by_verdict.clone()) + 1e-4);
    let pull = by_verdict * (weight.clamp(0.0, MOST) * config.weight).reshape([1, 1, 1, 1]);
    match output.gradient_checkpointing_strategy() {
        Some(strategy) => pull.autodiff().with_gradient_checkpointing_strategy(strategy),
        None => pull,
    }
}

/// Zero where the loss does not depend on `leaf`.
fn gradient(leaf: &Tensor<4>, loss: Tensor<1>) -> Tensor<4> {
    let gradients = loss.backward();
    let plain = leaf.clone().inner();
    leaf.grad(&gradients).unwrap_or_else(|| plain.zeros_like())
}

#[cfg(test)]
mod tests {
    use autoencoder::{AutoencoderConfig, KlConfig, TrunkConfig};
    use burn::tensor::Tolerance;

    use super::*;

    /// At the last convolution the verdict's gradient has the share of the error's that its weight says.
    #[test]
    fn the_verdict_weighs_as_much_as_the_error() {
        let device = Device::flex().autodiff();
        let trunk = TrunkConfig { channels: 8, channel_mult: vec![1, 1], ..TrunkConfig::default() };
        let autoencoder = AutoencoderConfig::Kl(KlConfig { trunk, ..KlConfig::default() });
        let autoencoder = autoencoder.init(&device, 1).unwrap();
        let config = AdversarialConfig {
            weight: 0.25,
            discriminator: DiscriminatorConfig { channels: 16, halvings: 1 },
            ..AdversarialConfig::default()
        };
        let discriminator = config.discriminator.init(3, &device, 2);
        let images = Tensor::<1, Int>::arange(0..2 * 3 * 256, &device).float().sin().reshape([2, 3, 16, 16]);
        let features = autoencoder.features(autoencoder.latent(images.clone())).detach();
        let output = autoencoder.image(features.clone());

        let error = |output: Tensor<4>| (output - images.clone()).abs().mean();
        let pull = pull(&config, &autoencoder, &discriminator, &features, &output, error);
        let norm = |loss: Tensor<1>| {
            let squares = gradient(&autoencoder.last_weight(), loss).powf_scalar(2.0);
            squares.sum().sqrt().into_data()
        };
        let ours = norm((autoencoder.image(features.clone()) * pull).sum());
        let image = autoencoder.image(features.clone());
        let error = norm(error(image) * 0.25);
        ours.assert_approx_eq::<f32>(&error, Tolerance::relative(1e-2));
    }
}

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::silu;
use burn::tensor::{DType, Tensor, TensorData};

use crate::UNetConfig;
use crate::init::Init;

/// The sinusoids of a timestep (Vaswani et al. 2017, section 3.5; Ho et al. 2020) on `channels` channels.
#[derive(Module, Debug)]
pub(crate) struct Sinusoids {
    channels: usize,
    cos_first: bool,
    freq_shift: f64,
}

impl Sinusoids {
    pub(crate) fn new(config: &UNetConfig) -> Self {
        Self { channels: config.width(0), cos_first: config.flip_sin_to_cos, freq_shift: config.freq_shift }
    }

    /// Computed in f32 whatever the network's type: bf16 cannot tell timestep 999 from 1000.
    ///
    /// # Shapes
    ///
    /// - `timesteps`: `[B]`
    /// - output: `[B, channels]`; the last channel is zero if their number is odd
    pub(crate) fn forward(&self, timesteps: Tensor<1>) -> Tensor<2> {
        let half = self.channels / 2;
        let freqs: Vec<f32> = (0..half)
            .map(|i| 10_000_f64.powf(-(i as f64) / (half as f64 - self.freq_shift)) as f32)
            .collect();
        let freqs = Tensor::<2>::from_data(TensorData::new(freqs, [1, half]), &timesteps.device());
        let angles = timesteps.cast(DType::F32).unsqueeze_dim::<2>(1) * freqs.cast(DType::F32);
        let (sin, cos) = (angles.clone().sin(), angles.cos());
        let waves =
            if self.cos_first { Tensor::cat(vec![cos, sin], 1) } else { Tensor::cat(vec![sin, cos], 1) };
        if self.channels.is_multiple_of(2) { waves } else { waves.pad((0, 1, 0, 0), 0.0) }
    }
}

/// The two-layer network that turns sinusoids into the embedding that all residual blocks share.
#[derive(Module, Debug)]
pub(crate) struct TimeEmbedding {
    linear_1: Linear,
    linear_2: Linear,
}

impl TimeEmbedding {
    pub(crate) fn new(config: &UNetConfig, init: &mut Init<'_>) -> Self {
        let channels = config.time_channels();
        Self { linear_1: init.linear(config.width(0), channels), linear_2: init.linear(channels, channels) }
    }

    /// # Shapes
    ///
    /// - `sinusoids`: `[B, channels of the first level]`
    /// - output: `[B, time_channels]`
    pub(crate) fn forward(&self, sinusoids: Tensor<2>) -> Tensor<2> {
        self.linear_2.forward(silu(self.linear_1.forward(sinusoids)))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;

    /// sin and cos of 2 and 500 times the frequencies 1, w, w^2 by hand.
    fn expected(w: f64, cos_first: bool) -> TensorData {
        let rows = [2.0_f64, 500.0].map(|t| {
            let angles = [t, t * w, t * w * w];
            let (sin, cos) = (angles.map(f64::sin), angles.map(f64::cos));
            if cos_first { [cos, sin].concat() } else { [sin, cos].concat() }
        });
        TensorData::new(rows.concat().iter().map(|&v| v as f32).collect::<Vec<_>>(), [2, 6])
    }

    fn sinusoids(channels: usize, cos_first: bool, freq_shift: f64) -> TensorData {
        let timesteps = Tensor::from_floats([2.0, 500.0], &Device::flex());
        Sinusoids { channels, cos_first, freq_shift }.forward(timesteps).into_data()
    }

    #[test]
    fn ddpm_has_sines_first_and_ends_at_frequency_one_in_ten_thousand() {
        let want = expected(10_000_f64.powf(-0.5), false);
        sinusoids(6, false, 1.0).assert_approx_eq::<f32>(&want, Tolerance::absolute(1e-4));
    }

    #[test]
    fn adm_has_cosines_first_and_ends_before_one_in_ten_thousand() {
        let want = expected(10_000_f64.powf(-1.0 / 3.0), true);
        sinusoids(6, true, 0.0).assert_approx_eq::<f32>(&want, Tolerance::absolute(1e-4));
    }

    #[test]
    fn an_odd_last_channel_is_zero() {
        let odd: Vec<f32> = sinusoids(7, false, 1.0).try_to_vec().unwrap();
        let even: Vec<f32> = sinusoids(6, false, 1.0).try_to_vec().unwrap();
        assert_eq!(odd, [&even[..6], &[0.0], &even[6..], &[0.0]].concat());
    }
}

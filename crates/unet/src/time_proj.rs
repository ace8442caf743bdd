use std::f64::consts::TAU;

use burn::module::{Module, Param};
use burn::nn::Embedding;
use burn::tensor::{DType, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::UNetConfig;
use crate::init::Init;

/// How a network is told the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeEncoding {
    /// Sinusoids of the timestep at fixed frequencies (DDPM).
    #[default]
    Positional,
    /// Sinusoids of the logarithm of the noise level at random frequencies, stored with the weights; the output is
    /// divided by the level (NCSN++: Song et al. 2021, arXiv 2011.13456, appendix C.1).
    Fourier,
    /// A learnt row for each timestep.
    Learned,
}

/// The encoding of a time on the channels of the first level, twice as many with Fourier's.
#[derive(Module, Debug)]
pub(crate) struct TimeProj {
    sinusoids: Sinusoids,
    fourier: Option<Fourier>,
    learned: Option<Embedding>,
}

impl TimeProj {
    pub(crate) fn new(config: &UNetConfig, init: &mut Init<'_>) -> Self {
        let fourier = config.time_encoding == TimeEncoding::Fourier;
        Self {
            sinusoids: Sinusoids::new(config.width(0), config),
            fourier: fourier.then(|| Fourier { weight: init.frequencies(config.width(0)) }),
            learned: config.num_timesteps.map(|timesteps| init.embedding(timesteps, config.width(0))),
        }
    }

    /// # Shapes
    ///
    /// - `time`: `[B]`
    /// - output: `[B, channels]`
    pub(crate) fn forward(&self, time: Tensor<1>) -> Tensor<2> {
        match (&self.fourier, &self.learned) {
            (Some(fourier), _) => fourier.forward(time),
            (None, Some(table)) => {
                let rows: Tensor<2, Int> = time.int().unsqueeze_dim(1);
                table.forward(rows).squeeze_dim(1)
            }
            (None, None) => self.sinusoids.forward(time),
        }
    }

    /// Divides the network's output by the noise level that it was told, where that is its unit.
    ///
    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    /// - `time`: `[B]`
    pub(crate) fn rescale(&self, x: Tensor<4>, time: Tensor<1>) -> Tensor<4> {
        if self.fourier.is_none() {
            return x;
        }
        let (batch, dtype) = (x.dims()[0], x.dtype());
        x / time.cast(dtype).reshape([batch, 1, 1, 1])
    }
}

/// Random Fourier features (Tancik et al. 2020, arXiv 2006.10739) of the logarithm of a noise level.
#[derive(Module, Debug)]
struct Fourier {
    /// Frequencies, not trained.
    weight: Param<Tensor<1>>,
}

impl Fourier {
    /// # Shapes
    ///
    /// - `level`: `[B]`, above 0
    /// - output: `[B, 2 channels]`, sines first
    fn forward(&self, level: Tensor<1>) -> Tensor<2> {
        let weight = self.weight.val().cast(DType::F32).unsqueeze_dim::<2>(0);
        let angles = level.cast(DType::F32).log().unsqueeze_dim::<2>(1) * weight * TAU;
        Tensor::cat(vec![angles.clone().sin(), angles.cos()], 1)
    }
}

/// The sinusoids of a timestep (Vaswani et al. 2017, section 3.5; Ho et al. 2020) on `channels` channels.
#[derive(Module, Debug)]
pub struct Sinusoids {
    channels: usize,
    cos_first: bool,
    freq_shift: f64,
}

impl Sinusoids {
    /// DDPM's on so many channels.
    pub fn of(channels: usize) -> Self {
        Self::new(channels, &UNetConfig::default())
    }

    pub(crate) fn new(channels: usize, config: &UNetConfig) -> Self {
        Self { channels, cos_first: config.flip_sin_to_cos, freq_shift: config.freq_shift }
    }

    /// Computed in f32 whatever the network's type: bf16 cannot tell timestep 999 from 1000.
    ///
    /// # Shapes
    ///
    /// - `timesteps`: `[B]`
    /// - output: `[B, channels]`; the last channel is zero if their number is odd
    pub fn forward(&self, timesteps: Tensor<1>) -> Tensor<2> {
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

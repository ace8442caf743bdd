use std::f64::consts::PI;

use burn::module::Param;
use burn::nn::Linear;
use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::bumps::{Bumps, TimeScale};
use crate::error::DpmError;
use crate::init::Init;
use crate::readout::{Readout, ReadoutConfig};

/// Dense layers before a readout that depends on the step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MlpConfig {
    /// Widths of the layers.
    pub hidden: Vec<usize>,
    /// What stands between them.
    pub activation: Activation,
    /// How the last layer depends on the step.
    pub readout: ReadoutConfig,
    /// Bumps along the chain that the first layer sees beside the state, so that all layers depend on the step; 0 is the
    /// paper's, of which only the readout does.
    pub time_bumps: usize,
    /// Along what all bumps are evenly spaced, those of the readout too.
    pub time_scale: TimeScale,
    /// Octaves that the first layer sees beside the state, `sin` and `cos` of `2^k pi x` for k from 0, for data of fine
    /// detail (Kingma et al. 2021, arXiv 2107.00630, appendix C).
    pub octaves: usize,
}

impl Default for MlpConfig {
    /// The heartbeat's of the paper.
    fn default() -> Self {
        Self {
            hidden: vec![50; 3],
            activation: Activation::default(),
            readout: ReadoutConfig::default(),
            time_bumps: 0,
            time_scale: TimeScale::default(),
            octaves: 0,
        }
    }
}

impl MlpConfig {
    pub(crate) fn validate(&self) -> Result<(), DpmError> {
        if self.octaves > MAX_OCTAVES {
            return Err(DpmError::value("octaves", self.octaves, "there are at most 12"));
        }
        if self.time_bumps > 0 && self.hidden.is_empty() {
            return Err(DpmError::value(
                "time_bumps",
                self.time_bumps,
                "there is no layer to see them: add to hidden",
            ));
        }
        Ok(())
    }

    /// What must be at least 1 and no more than memory holds.
    pub(crate) fn counts(&self) -> Vec<(&'static str, usize)> {
        let hidden = self.hidden.iter().map(|&width| ("hidden", width));
        hidden
            .chain([("readout.count", self.readout.count()), ("time_bumps", self.time_bumps.max(1))])
            .collect()
    }
}

/// The most octaves: f32 has no more digits for a finer one.
const MAX_OCTAVES: usize = 12;

/// Dense layers with a readout for each step: the heartbeat's network (Sohl-Dickstein et al. 2015, appendix D.1.2).
#[derive(Module, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
    /// What the first layer makes of the bumps, `[bumps, width]`.
    time: Option<Param<Tensor<2>>>,
    readout: Readout,
    #[module(skip)]
    bumps: Bumps,
    #[module(skip)]
    octaves: usize,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    pub(crate) fn new(
        config: &MlpConfig,
        [inputs, outputs]: [usize; 2],
        length: usize,
        init: &mut Init,
    ) -> Self {
        let activation = config.activation;
        let first = config.hidden.first().copied().unwrap_or(outputs);
        let mut width = inputs * (1 + 2 * config.octaves);
        let layers = config
            .hidden
            .iter()
            .map(|&next| init.linear(std::mem::replace(&mut width, next), next, activation))
            .collect();
        let time = (config.time_bumps > 0).then(|| init.normal([config.time_bumps, first], 1.0));
        Self {
            layers,
            time,
            readout: Readout::new(config.readout, [width, outputs], (length, config.time_scale), init),
            bumps: Bumps::new(config.time_bumps, length, config.time_scale),
            octaves: config.octaves,
            activation,
        }
    }

    pub(crate) fn forward(&self, x: Tensor<3>, steps: &[usize]) -> Tensor<3> {
        let [groups, states, _] = x.dims();
        let mut hidden = self.with_octaves(x);
        for (i, layer) in self.layers.iter().enumerate() {
            let [_, _, width] = hidden.dims();
            let rows = layer.forward(hidden.reshape([groups * states, width]));
            let width = rows.dims()[1];
            hidden = rows.reshape([groups, states, width]);
            if let (0, Some(time)) = (i, &self.time) {
                let bumps = self.bumps.at(steps, &hidden.device().inner());
                hidden = hidden + bumps.matmul(time.val()).reshape([groups, 1, width]);
            }
            hidden = self.activation.forward(hidden);
        }
        self.readout.forward(hidden, steps)
    }

    /// The state and its octaves, `[G, N, D (1 + 2 octaves)]`.
    fn with_octaves(&self, x: Tensor<3>) -> Tensor<3> {
        let mut parts = vec![x.clone()];
        for octave in 0..self.octaves {
            let angle = x.clone() * (f64::from(1_u32 << octave) * PI);
            parts.extend([angle.clone().sin(), angle.cos()]);
        }
        Tensor::cat(parts, 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(config: &MlpConfig, values: &[f32], steps: &[usize]) -> Vec<f32> {
        let device = Device::flex();
        let mut net = Mlp::new(config, [1, 2], 10, &mut Init::new(0, &device));
        net.readout = net.readout.filled(1.0);
        let x =
            Tensor::<1>::from_floats(values, &device).reshape([steps.len(), values.len() / steps.len(), 1]);
        net.forward(x, steps).try_into_vec_as::<f32>().unwrap()
    }

    /// With one readout for all steps, only bumps before the first layer can tell them apart.
    #[test]
    fn layers_see_the_step_where_they_are_shown_it() {
        let readout = ReadoutConfig::Bumps { count: 1 };
        let blind = MlpConfig { hidden: vec![4], readout, ..MlpConfig::default() };
        let same = answers(&blind, &[0.3, 0.3], &[2, 9]);
        assert_eq!(same[..2], same[2..]);
        let told = answers(&MlpConfig { time_bumps: 5, ..blind }, &[0.3, 0.3], &[2, 9]);
        assert!((told[0] - told[2]).abs() > 1e-3, "{told:?}");
    }

    /// The octaves of x and of x + 2 are the same.
    #[test]
    fn octaves_have_their_period() {
        let config = MlpConfig { hidden: vec![4], octaves: 3, ..MlpConfig::default() };
        let device = Device::flex();
        let net = Mlp::new(&config, [1, 2], 10, &mut Init::new(0, &device));
        let x = Tensor::<3>::from_data([[[0.3], [2.3], [0.35]]], &device);
        let rows = net.with_octaves(x).try_into_vec_as::<f32>().unwrap();
        let rows: Vec<&[f32]> = rows.chunks_exact(7).collect();
        let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(distance(&rows[0][1..], &rows[1][1..]) < 1e-5);
        assert!(distance(&rows[0][5..], &rows[2][5..]) > 0.3, "the last octave tells near values apart");
    }
}

use burn::nn::Linear;
use burn::prelude::*;

use crate::activation::Activation;
use crate::init::Init;
use crate::readout::{Readout, ReadoutConfig};

/// Dense layers with a readout for each step: the heartbeat's network (Sohl-Dickstein et al. 2015, appendix D.1.2). All
/// steps share the layers before the readout.
#[derive(Module, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
    readout: Readout,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    pub(crate) fn new(
        hidden: &[usize],
        activation: Activation,
        readout: ReadoutConfig,
        [inputs, outputs]: [usize; 2],
        length: usize,
        init: &mut Init,
    ) -> Self {
        let mut width = inputs;
        let layers = hidden
            .iter()
            .map(|&next| init.linear(std::mem::replace(&mut width, next), next, activation))
            .collect();
        Self { layers, readout: Readout::new(readout, [width, outputs], length, init), activation }
    }

    pub(crate) fn forward(&self, x: Tensor<3>, steps: &[usize]) -> Tensor<3> {
        let [groups, states, values] = x.dims();
        let rows = x.reshape([groups * states, values]);
        let hidden =
            self.layers.iter().fold(rows, |rows, layer| self.activation.forward(layer.forward(rows)));
        let width = hidden.dims()[1];
        self.readout.forward(hidden.reshape([groups, states, width]), steps)
    }
}

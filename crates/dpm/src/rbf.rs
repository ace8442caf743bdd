use burn::module::Param;
use burn::prelude::*;
use burn::tensor::activation::softmax;

use crate::bumps::TimeScale;
use crate::init::Init;
use crate::readout::{Readout, ReadoutConfig};

/// Normalised radial basis functions with a readout for each step: the swiss roll's network (Sohl-Dickstein et al. 2015,
/// appendix D.1.1). All steps share the functions.
#[derive(Module, Debug)]
pub struct Rbf {
    /// `[units, D]`.
    centres: Param<Tensor<2>>,
    /// Logarithm of each unit's inverse squared width, `[units]`.
    log_precision: Param<Tensor<1>>,
    readout: Readout,
}

/// Of data of unit variance: widths of a third of the standard deviation.
const FIRST_LOG_PRECISION: f64 = 2.2;

impl Rbf {
    pub(crate) fn new(
        units: usize,
        readout: ReadoutConfig,
        [inputs, outputs]: [usize; 2],
        length: usize,
        init: &mut Init,
    ) -> Self {
        Self {
            centres: init.normal([units, inputs], 1.0),
            log_precision: init.full([units], FIRST_LOG_PRECISION),
            readout: Readout::new(readout, [units, outputs], (length, TimeScale::Even), init),
        }
    }

    pub(crate) fn forward(&self, x: Tensor<3>, steps: &[usize]) -> Tensor<3> {
        let centres = self.centres.val();
        let ([groups, states, values], [units, _]) = (x.dims(), centres.dims());
        let x = x.reshape([groups * states, values]);
        let cross = x.clone().matmul(centres.clone().transpose());
        let lengths = centres.square().sum_dim(1).reshape([1, units]);
        let squared = x.square().sum_dim(1) + lengths - cross * 2.0;
        let scores = squared * self.log_precision.val().exp().reshape([1, units]) * -0.5;
        self.readout.forward(softmax(scores, 1).reshape([groups, states, units]), steps)
    }
}

use std::cell::RefCell;

use burn::prelude::*;
use diffusion::VarianceOutput;
use serde::Deserialize;

/// The model that the cases were recorded with: `out = a x + b sin(t / c + phase)`, and a variance beside it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Toy {
    a: f64,
    b: f64,
    c: f64,
    phase: f64,
    va: f64,
    vc: f64,
    #[serde(skip)]
    outputs: RefCell<Vec<Tensor<4>>>,
}

impl Toy {
    /// The answer for an image and a timestep, which is remembered.
    pub(super) fn answer(&self, x: Tensor<4>, timestep: f64, variance: Option<VarianceOutput>) -> Tensor<4> {
        let mean = x.clone() * self.a + self.b * (timestep / self.c + self.phase).sin();
        let swing = (x * self.va + timestep / self.vc).sin();
        let output = match variance {
            None => mean,
            Some(VarianceOutput::Range) => Tensor::cat(vec![mean, swing], 1),
            Some(VarianceOutput::Direct) => Tensor::cat(vec![mean, (swing + 1.1) * 0.02], 1),
        };
        self.outputs.borrow_mut().push(output.clone());
        output
    }

    /// How often it was asked.
    pub(super) fn evaluations(&self) -> usize {
        self.outputs.borrow().len()
    }

    /// All answers.
    pub(super) fn into_outputs(self) -> Vec<Tensor<4>> {
        self.outputs.into_inner()
    }
}

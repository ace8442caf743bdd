//! What the last digit of single precision is worth in a walk.

use std::cell::RefCell;

use burn::prelude::*;
use diffusion::{Denoiser, DiffusionError, Prediction};
use random::{Seed, Stream};
use schedules::NoiseLevel;

/// Moves images by about a last digit of single precision, each pixel by itself.
pub(super) struct LastDigit(RefCell<Stream>);

impl LastDigit {
    /// The `index`-th way to round.
    pub(super) fn new(index: u64) -> Self {
        Self(RefCell::new(Seed(0).stream("conformance/last digit", index)))
    }

    /// `x`, off by the last digit of `of`.
    pub(super) fn off(&self, x: Tensor<4>, of: Tensor<4>) -> Tensor<4> {
        let draws = self.0.borrow_mut().normal(x.dims().iter().product());
        let draws = TensorData::new(draws, x.dims());
        let draws = Tensor::<4>::from_data(draws, (&x.device(), x.dtype()));
        x + of.abs() * draws * (f64::from(f32::EPSILON) / 2.0)
    }
}

/// A denoiser that is shown images as a step in single precision makes them of the one that it starts from.
pub(super) struct Rounding<'a> {
    pub inner: Box<dyn Denoiser + 'a>,
    pub digit: &'a LastDigit,
    pub start: Tensor<4>,
}

impl Denoiser for Rounding<'_> {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        self.inner.denoise(self.digit.off(x, self.start.clone()), level)
    }
}

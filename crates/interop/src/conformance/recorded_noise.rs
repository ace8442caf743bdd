use burn::prelude::*;
use burn::tensor::DType;

use super::case::CaseError;
use super::schedulers::upload;
use crate::TensorFile;

/// The noises that the library drew, with the evaluation each belongs to.
pub(super) struct RecordedNoise {
    steps: Vec<usize>,
    draws: Vec<Tensor<4>>,
    /// The first draw that was not used yet.
    next: usize,
}

impl RecordedNoise {
    pub(super) fn new(io: &TensorFile, device: &Device, dtype: DType) -> Result<Self, CaseError> {
        let Ok(recorded) = io.get("noise") else {
            return Ok(Self { steps: Vec::new(), draws: Vec::new(), next: 0 });
        };
        let steps = io.get("noise_step")?.values.iter().map(|&step| step as usize).collect();
        let draws =
            upload::<5>(recorded, device, dtype).iter_dim(0).map(|draw| draw.squeeze_dim(0)).collect();
        Ok(Self { steps, draws, next: 0 })
    }

    /// Skips what was drawn before an evaluation: the library draws noise where it has no use for it too.
    pub(super) fn skip_to(&mut self, evaluation: usize) {
        while self.steps.get(self.next).is_some_and(|&step| step < evaluation) {
            self.next += 1;
        }
    }

    /// The next noise of the step, if one was recorded.
    pub(super) fn draw(&mut self) -> Option<Tensor<4>> {
        let draw = self.draws.get(self.next).cloned();
        self.next += 1;
        draw
    }
}

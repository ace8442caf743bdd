use std::ops::Range;

/// A convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Images.
    pub batch: usize,
    /// Channels that come in.
    pub inputs: usize,
    /// Channels that go out.
    pub outputs: usize,
    /// Pixels down and across, of what comes in.
    pub size: [usize; 2],
    /// Taps down and across.
    pub kernel: [usize; 2],
    /// Pixels from one output to the next, down and across.
    pub stride: [usize; 2],
    /// Zeros around the picture: top, left, bottom, right.
    pub padding: [usize; 4],
}

impl Conv {
    /// Pixels down and across, of what goes out.
    pub fn size_out(&self) -> [usize; 2] {
        let [top, left, bottom, right] = self.padding;
        let [height, width] = [self.size[0] + top + bottom, self.size[1] + left + right];
        [(height - self.kernel[0]) / self.stride[0] + 1, (width - self.kernel[1]) / self.stride[1] + 1]
    }

    /// The convolution that makes the gradient of what comes in, if the stride is 1 and no padding is wider than the taps.
    pub(crate) fn transposed(&self) -> Option<Self> {
        let [height, width] = self.kernel;
        let [top, left, bottom, right] = self.padding;
        let padding = [
            (height - 1).checked_sub(top)?,
            (width - 1).checked_sub(left)?,
            (height - 1).checked_sub(bottom)?,
            (width - 1).checked_sub(right)?,
        ];
        let (inputs, outputs) = (self.outputs, self.inputs);
        (self.stride == [1, 1]).then(|| Self { inputs, outputs, size: self.size_out(), padding, ..*self })
    }

    /// Weights `[inputs, outputs, kernel]` with the taps turned half around.
    pub(crate) fn transposed_weight(&self, weight: &[f32]) -> Vec<f32> {
        let area = self.kernel[0] * self.kernel[1];
        let mut turned = Vec::with_capacity(weight.len());
        for input in 0..self.inputs {
            for taps in weight.chunks(area).skip(input).step_by(self.inputs) {
                turned.extend(taps.iter().rev());
            }
        }
        turned
    }

    pub(super) fn pixels_in(&self) -> usize {
        self.size[0] * self.size[1]
    }

    pub(super) fn pixels_out(&self) -> usize {
        let [height, width] = self.size_out();
        height * width
    }

    /// Numbers that make up one output.
    pub(super) fn depth(&self) -> usize {
        self.inputs * self.kernel[0] * self.kernel[1]
    }

    /// What lies under each tap of some channels for `width` outputs from `pixel`, to rows of `row` numbers.
    pub(super) fn gather(
        &self,
        x: &[f32],
        channels: Range<usize>,
        pixel: usize,
        width: usize,
        to: &mut [f32],
        row: usize,
    ) {
        let mut rows = to.chunks_exact_mut(row);
        for channel in channels {
            let plane = &x[channel * self.pixels_in()..][..self.pixels_in()];
            for tap in 0..self.kernel[0] * self.kernel[1] {
                let Some(to) = rows.next() else { return };
                self.runs(tap, pixel, width, |at, run| match run {
                    Under::Picture { first, count } if self.stride[1] == 1 => {
                        to[at..at + count].copy_from_slice(&plane[first..first + count]);
                    }
                    Under::Picture { first, count } => {
                        let under = plane[first..].iter().step_by(self.stride[1]);
                        to[at..at + count].iter_mut().zip(under).for_each(|(to, x)| *to = *x);
                    }
                    Under::Padding { count } => to[at..at + count].fill(0.0),
                });
                to[width..].fill(0.0);
            }
        }
    }

    /// Adds what [`gather`](Self::gather) would have taken, from rows of 32 numbers.
    pub(super) fn scatter(&self, from: &[f32], pixel: usize, width: usize, dx: &mut [f32]) {
        let mut rows = from.chunks_exact(crate::cpu::block::LANES);
        for plane in dx.chunks_exact_mut(self.pixels_in()) {
            for tap in 0..self.kernel[0] * self.kernel[1] {
                let Some(from) = rows.next() else { return };
                self.runs(tap, pixel, width, |at, run| {
                    if let Under::Picture { first, count } = run {
                        let under = plane[first..].iter_mut().step_by(self.stride[1]);
                        under.zip(&from[at..at + count]).for_each(|(dx, from)| *dx += from);
                    }
                });
            }
        }
    }

    /// Calls `each` with stretches of the outputs `pixel..pixel + width` that lie in one row and all under the picture or
    /// all under padding, and where they begin, counted from `pixel`.
    #[inline(always)]
    fn runs(&self, tap: usize, pixel: usize, width: usize, mut each: impl FnMut(usize, Under)) {
        let [_, width_out] = self.size_out();
        let [down, across] = [tap / self.kernel[1], tap % self.kernel[1]];
        let stride = self.stride[1];
        // Columns whose tap lies within the picture.
        let inside = self.padding[1].saturating_sub(across).div_ceil(stride).min(width_out);
        let end =
            (self.size[1] + self.padding[1]).saturating_sub(across).div_ceil(stride).clamp(inside, width_out);
        let mut at = 0;
        while at < width {
            let (y, x) = ((pixel + at) / width_out, (pixel + at) % width_out);
            let left = (width_out - x).min(width - at);
            let row =
                (y * self.stride[0] + down).checked_sub(self.padding[0]).filter(|&row| row < self.size[0]);
            let (count, run) = match row {
                Some(row) if x >= inside && x < end => {
                    let count = left.min(end - x);
                    let first = row * self.size[1] + x * stride + across - self.padding[1];
                    (count, Under::Picture { first, count })
                }
                Some(_) if x < inside => {
                    (left.min(inside - x), Under::Padding { count: left.min(inside - x) })
                }
                _ => (left, Under::Padding { count: left }),
            };
            each(at, run);
            at += count;
        }
    }
}

enum Under {
    Picture { first: usize, count: usize },
    Padding { count: usize },
}

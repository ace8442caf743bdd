use std::fs;
use std::io::Write;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use anyhow::Result;
use data::{pixels, write_atomically};
use random::Seed;
use serde::Serialize;
use train::cascade::{Augmentation, CascadePlan, SuperResolutionModel, TrainedCascade};

use crate::bench::Bench;
use crate::images::Images;
use crate::keyed::create_folder_of;
use crate::progress::Progress;

/// What the images of a stage's low resolution are.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum Input {
    /// Drawn by the stages below.
    Generated,
    /// Real.
    Real,
}

/// What the last stage of a cascade makes of low-resolution images with several s; the same images and the same noise for
/// every s.
pub struct SweepImages<'a> {
    /// What is judged with.
    pub bench: &'a Bench,
    /// What is drawn from.
    pub cascade: &'a TrainedCascade,
    /// Where everything is kept that was drawn.
    pub folder: PathBuf,
}

impl SweepImages<'_> {
    /// Where the images of a seed are kept.
    pub fn folder(&self, s: usize, input: Input, seed: u64) -> PathBuf {
        self.folder.join(format!("s-{s}-{input:?}-seed-{seed}").to_lowercase())
    }

    /// The images of a seed, of which each batch is drawn unless it is kept.
    ///
    /// # Errors
    ///
    /// If the cascade cannot be drawn from, or a file cannot be written.
    pub fn draw(&self, s: usize, input: Input, seed: u64) -> Result<Images> {
        let Bench { samples, batch, ref train, .. } = *self.bench;
        let chosen: Vec<usize> = Seed(seed).stream("eval/low", 0).permutation(train.len());
        let samples = match input {
            Input::Generated => samples,
            Input::Real => samples.min(train.len()),
        };
        let labels: Option<Vec<usize>> = match input {
            Input::Generated => (0..samples).map(|index| self.bench.label(index)).collect(),
            Input::Real => train.select(&chosen[..samples]).labels,
        };
        let (folder, mut bytes) = (self.folder(s, input, seed).join("images"), Vec::new());
        let mut progress = Progress::new(format!("drawing with s = {s}"), 0, samples);
        for first in (0..samples).step_by(batch) {
            let range = first..samples.min(first.saturating_add(batch));
            bytes.extend(kept(&folder.join(name(&range)), range.len() * train.size(), || {
                let labels = labels.as_ref().map(|labels| &labels[range.clone()]);
                let low = match input {
                    Input::Generated => self.below(seed, range.clone(), labels)?,
                    Input::Real => self.last().low.reduce(&train.select(&chosen[range.clone()]).values()),
                };
                let enlarged = self.enlarge(s, seed, low, range.clone(), labels)?;
                Ok(enlarged.into_iter().map(pixels::from_unit).collect())
            })?);
            progress.advance(range.len());
        }
        Ok(Images::new(bytes, self.last().image_shape(), labels))
    }

    fn last(&self) -> &SuperResolutionModel {
        &self.cascade.upper[self.cascade.upper.len() - 1]
    }

    /// Images through all stages but the last, as they were recorded: drawn once for all s.
    fn below(&self, seed: u64, images: Range<usize>, labels: Option<&[usize]>) -> Result<Vec<f32>> {
        let file = self.folder.join(format!("below-seed-{seed}")).join(name(&images));
        let size = self.last().low_shape().iter().product::<usize>() * size_of::<f32>();
        let bytes = kept(&file, images.len() * size, || {
            let plan = CascadePlan::of(self.cascade, seed)?;
            let upper = self.cascade.upper.len() - 1;
            let numbers = images.start as u64..images.end as u64;
            let mut stages = self.cascade.draw_below(&plan, upper, numbers, labels, &mut |_| go_on())?;
            Ok(stages.pop().unwrap_or_default().into_iter().flat_map(f32::to_le_bytes).collect())
        })?;
        Ok(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    /// Low-resolution images enlarged by the last stage, as if s had been recorded for it.
    fn enlarge(
        &self,
        s: usize,
        seed: u64,
        low: Vec<f32>,
        images: Range<usize>,
        labels: Option<&[usize]>,
    ) -> Result<Vec<f32>> {
        let (index, numbers) = (self.cascade.upper.len() - 1, images.start as u64..images.end as u64);
        let mut plan = CascadePlan::of(self.cascade, seed)?;
        plan.augment(self.cascade, index, Augmentation { level: s, truncated: false })?;
        let low = self.last().augmented(low, s, seed, numbers.clone())?;
        Ok(self.cascade.enlarge(&plan, index, &low, numbers, labels, &mut |_| go_on())?.images)
    }
}

fn go_on() -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn name(images: &Range<usize>) -> String {
    format!("{:08}-{:08}.bytes", images.start, images.end)
}

/// The bytes of a file, if it has `size` of them; else those that `compute` makes, which are written there.
fn kept(path: &Path, size: usize, compute: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    if let Some(bytes) = fs::read(path).ok().filter(|bytes| bytes.len() == size) {
        return Ok(bytes);
    }
    let bytes = compute()?;
    create_folder_of(path)?;
    write_atomically(path, |out| out.write_all(&bytes))?;
    Ok(bytes)
}

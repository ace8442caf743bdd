use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use data::{pixels, write_atomically};

use crate::bench::Bench;
use crate::images::Images;
use crate::model::Model;
use crate::progress::Progress;

/// The images of one seed: files `FIRST-LAST.bytes` in a folder, written whole one after the other.
pub struct Drawing<'a> {
    bench: &'a Bench,
    folder: PathBuf,
    seed: u64,
}

impl<'a> Drawing<'a> {
    /// What has been drawn into `folder` with a seed, and is to be.
    pub fn new(bench: &'a Bench, folder: &Path, seed: u64) -> Self {
        Self { bench, folder: folder.join("images"), seed }
    }

    /// How many images are still to be drawn.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn missing(&self) -> Result<usize> {
        Ok(self.bench.samples.saturating_sub(self.bytes()?.len() / self.size()))
    }

    /// Draws what is missing, and reads all.
    ///
    /// Image `i` of a seed does not depend on what it is drawn together with, so that an interrupted drawing goes on to the
    /// same images.
    ///
    /// # Errors
    ///
    /// If the model cannot sample, or a file cannot be written.
    pub fn images(&self, model: &Model, name: &str) -> Result<Images> {
        let Bench { samples, batch, .. } = *self.bench;
        let mut bytes = self.bytes()?;
        let mut done = bytes.len() / self.size();
        let what = format!("drawing {name}, seed {}: steps of batches", self.seed);
        let steps = self.bench.sampler.steps;
        let batches = |images: usize| images.div_ceil(batch).saturating_mul(steps);
        let mut progress = Progress::new(what, batches(done), batches(samples.max(done)));
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("failed to create {}", self.folder.display()))?;
        while done < samples {
            let last = samples.min(done.saturating_add(batch));
            let drawn = self.draw(model, done..last, &mut progress)?;
            let file = self.folder.join(format!("{done:08}-{last:08}.bytes"));
            write_atomically(&file, |out| out.write_all(&drawn))?;
            bytes.extend(drawn);
            done = last;
        }
        bytes.truncate(samples * self.size());
        let labels = (0..samples).map(|index| self.bench.label(index)).collect();
        Ok(Images::new(bytes, self.bench.train.shape, labels))
    }

    fn draw(&self, model: &Model, numbers: Range<usize>, progress: &mut Progress) -> Result<Vec<u8>> {
        let step = &mut || progress.advance(1);
        let x = model.draw(self.bench, &self.bench.sampler, self.seed, numbers, step)?;
        let values = x.try_into_vec_as::<f32>().context("failed to read images from the device")?;
        Ok(values.into_iter().map(pixels::from_unit).collect())
    }

    /// The images of the files that follow each other without a gap.
    fn bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut files: Vec<PathBuf> =
            fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some((first, last)) = range(name) else { continue };
            if first * self.size() != bytes.len() {
                continue;
            }
            let read = fs::read(&file).with_context(|| format!("failed to read {}", file.display()))?;
            if read.len() == (last - first) * self.size() {
                bytes.extend(read);
            }
        }
        Ok(bytes)
    }

    fn size(&self) -> usize {
        self.bench.train.size()
    }
}

fn range(name: &str) -> Option<(usize, usize)> {
    let (first, last) = name.strip_suffix(".bytes")?.split_once('-')?;
    let range = (first.parse().ok()?, last.parse().ok()?);
    (range.0 < range.1).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_ranges() {
        assert_eq!(range("00000010-00000020.bytes"), Some((10, 20)));
        for other in ["00000020-00000010.bytes", "a-b.bytes", ".00000010-00000020.bytes.7.tmp", "x.json"] {
            assert_eq!(range(other), None, "{other}");
        }
    }
}

//! The pass over all images when a set is opened, so that training meets no bad image hours later.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use sha2::{Digest, Sha256};

use crate::decode::decode;
use crate::error::DataError;
use crate::fit::Fit;
use crate::records::Records;

/// Consecutive images that a thread takes at once: neighbours lie in one row group of a parquet shard.
const CHUNK: usize = 64;
/// How many skipped images are named.
const NAMED: usize = 5;

/// The images that were left out because of `--skip-bad`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// How many.
    pub count: usize,
    /// How many images there were.
    pub of: usize,
    /// The names of and the reasons for the first few.
    pub first: Vec<String>,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "skipped {} of {} images", self.count, self.of)?;
        for (i, reason) in self.first.iter().enumerate() {
            write!(f, "{}{reason}", if i == 0 { ": " } else { "; " })?;
        }
        if self.count > self.first.len() {
            write!(f, "; and {} more", self.count - self.first.len())?;
        }
        Ok(())
    }
}

/// What the pass is to do.
pub(crate) struct Check<'a> {
    pub(crate) fit: &'a Fit,
    pub(crate) num_classes: Option<usize>,
    /// The shape that the images must have, before padding, where it is known.
    pub(crate) shape: Option<[usize; 3]>,
    pub(crate) skip_bad: bool,
    /// Called with the number of images checked and of all images.
    pub(crate) progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// What the pass found.
pub(crate) struct Checked {
    /// The numbers of the usable images, ascending.
    pub(crate) kept: Vec<usize>,
    /// Their `[C, H, W]` before padding.
    pub(crate) shape: [usize; 3],
    /// SHA-256 over those of the bytes of all images, usable or not; none where the reader has read them all.
    pub(crate) content: Option<Hash>,
}

/// Of SHA-256.
pub(crate) type Hash = [u8; 32];

/// Small, since there is one for every image.
type Outcome = Result<[usize; 3], Box<DataError>>;

/// What was found of consecutive images, the first of which has the number `start`.
struct Chunk {
    start: usize,
    outcomes: Vec<Outcome>,
    /// As many, or none.
    hashes: Vec<Hash>,
}

impl Check<'_> {
    /// Decodes every image and looks at its shape and label.
    ///
    /// # Errors
    ///
    /// The first bad image's, unless it can be skipped; it is the same one whatever the number of threads.
    pub(crate) fn run(&self, records: &Records, skipped: &mut Skipped) -> Result<Checked, DataError> {
        let chunks = self.chunks(records);
        let mut content = Sha256::new();
        chunks.iter().flat_map(|chunk| &chunk.hashes).for_each(|hash| content.update(hash));
        let outcomes: Vec<Outcome> = chunks.into_iter().flat_map(|chunk| chunk.outcomes).collect();
        skipped.of += records.images.len();
        let shape = self.shape.or_else(|| common_shape(&outcomes, self.skip_bad));
        let mut kept = Vec::with_capacity(outcomes.len());
        let mut first = None;
        for (index, outcome) in outcomes.into_iter().enumerate() {
            let name = || records.images.name(index);
            let error = match (outcome, shape) {
                (Err(error), _) => *error,
                (Ok(other_shape), Some(first_shape)) if other_shape != first_shape => DataError::MixedSizes {
                    first: first.map_or("the training set".into(), |first| records.images.name(first)),
                    first_shape,
                    other: name(),
                    other_shape,
                },
                (Ok(_), _) => {
                    first = first.or(Some(index));
                    kept.push(index);
                    continue;
                }
            };
            if !(self.skip_bad && error.is_skippable()) {
                return Err(error);
            }
            skipped.count += 1;
            if skipped.first.len() < NAMED {
                skipped.first.push(error.fault());
            }
        }
        match shape {
            Some(shape) if !kept.is_empty() => {
                let hashed = records.images.stored_shape().is_none();
                Ok(Checked { kept, shape, content: hashed.then(|| content.finalize().into()) })
            }
            _ => {
                let path = records.images.name(0);
                Err(DataError::Empty { path, expected: "at least one image that can be read" })
            }
        }
    }

    /// In the order of the images; it ends early after an error that cannot be skipped.
    fn chunks(&self, records: &Records) -> Vec<Chunk> {
        let total = records.images.len();
        let (next, done, stop) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            let mut chunks = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                // Chunks are taken in order and finished, so that no earlier error is missed.
                let start = next.fetch_add(CHUNK, Ordering::Relaxed);
                if start >= total {
                    break;
                }
                let chunk = self.chunk(records, start..total.min(start + CHUNK));
                let checked = chunk.outcomes.len();
                if chunk
                    .outcomes
                    .iter()
                    .any(|o| o.as_ref().is_err_and(|e| !(self.skip_bad && e.is_skippable())))
                {
                    stop.store(true, Ordering::Relaxed);
                }
                (self.progress)(done.fetch_add(checked, Ordering::Relaxed) + checked, total);
                chunks.push(chunk);
            }
            chunks
        };
        // Sets kept in memory need no decoding, hence no threads.
        let threads = match records.images.stored_shape() {
            Some(_) => 1,
            None => thread::available_parallelism().map_or(1, usize::from),
        };
        let mut chunks: Vec<Chunk> = thread::scope(|scope| {
            let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut chunks = work();
            for worker in workers {
                chunks.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            chunks
        });
        chunks.sort_by_key(|chunk| chunk.start);
        chunks
    }

    fn chunk(&self, records: &Records, numbers: Range<usize>) -> Chunk {
        let start = numbers.start;
        if let Some(shape) = records.images.stored_shape() {
            let outcome = |index| self.check_label(records, index).map(|()| self.fit.shape_of(shape));
            return Chunk { start, outcomes: numbers.map(outcome).collect(), hashes: Vec::new() };
        }
        let (outcomes, hashes) = numbers.map(|index| self.decoded(records, index)).unzip();
        Chunk { start, outcomes, hashes }
    }

    /// What comes of an image that is to be decoded, and the hash of what it is decoded from.
    fn decoded(&self, records: &Records, index: usize) -> (Outcome, Hash) {
        match records.images.encoded(index) {
            Ok(bytes) => {
                let decoded = || Ok(decode(&bytes, &records.images.name(index))?.shape());
                let outcome = self.check_label(records, index).and_then(|()| decoded());
                (outcome.map(|shape| self.fit.shape_of(shape)), Sha256::digest(&bytes).into())
            }
            Err(error) => (Err(error.into()), Hash::default()),
        }
    }

    fn check_label(&self, records: &Records, index: usize) -> Result<(), Box<DataError>> {
        if let (Some(labels), Some(classes)) = (&records.labels, self.num_classes)
            && !(0..classes as i64).contains(&labels[index])
        {
            let name = records.images.name(index);
            return Err(Box::new(DataError::Label { name, label: labels[index], classes }));
        }
        Ok(())
    }
}

/// The shape of the first image; when bad images are skipped, the one that most images have.
fn common_shape(outcomes: &[Outcome], skip_bad: bool) -> Option<[usize; 3]> {
    let shapes = outcomes.iter().flatten().copied();
    if !skip_bad {
        return shapes.clone().next();
    }
    // Ties go to the shape seen first.
    let mut counts: HashMap<[usize; 3], (usize, usize)> = HashMap::new();
    for (i, shape) in shapes.enumerate() {
        counts.entry(shape).or_insert((0, i)).0 += 1;
    }
    counts.into_iter().max_by_key(|&(_, (count, first))| (count, usize::MAX - first)).map(|(shape, _)| shape)
}

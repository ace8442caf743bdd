//! Opening a data set: reading, checking and splitting it.

use std::sync::Arc;

use random::Seed;

use crate::check::{Check, Skipped};
use crate::config::{DatasetConfig, ImageOptions};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::fit::Fit;
use crate::left_out::some;
use crate::points::OpenedPoints;
use crate::readers::Source;
use crate::set::ImageSet;

/// The split belongs to the data set, not to the run: runs with different seeds validate on the same images.
const SPLIT_SEED: Seed = Seed(0);

/// The training and the validation images of a data set, with what is known of the whole.
#[derive(Clone, Debug)]
pub struct Splits {
    /// The training images; at least one.
    pub train: Arc<ImageSet>,
    /// The validation images; none if `valid_fraction` is 0.
    pub valid: Arc<ImageSet>,
    num_classes: Option<usize>,
    class_names: Option<Vec<String>>,
    fingerprint: String,
    /// What runs recorded before fingerprints knew what files hold.
    recorded_once: Option<String>,
    skipped: Skipped,
    notes: Vec<String>,
}

impl DatasetConfig {
    /// Opens the data set and checks every image of it.
    ///
    /// With `skip_bad`, unreadable images, labels out of range and images of another size than most are left out
    /// and reported by [`Splits::skipped`]; which ones does not depend on chance.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the files, with the file and the reason.
    pub fn open(&self, skip_bad: bool) -> Result<Splits, DataError> {
        self.open_with(skip_bad, &|_, _| {})
    }

    /// As [`DatasetConfig::open`], calling `progress(images checked, all images)` now and then from any thread.
    pub fn open_with(
        &self,
        skip_bad: bool,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Splits, DataError> {
        self.images.validate()?;
        let opened = match self.source.open()? {
            Source::Pictures(opened) => *opened,
            Source::Points(opened) => {
                self.images.validate_points()?;
                return Ok(Splits::of_points(opened, self.images.valid_fraction));
            }
        };
        let fit = Fit::new(&self.images);
        let num_classes = opened.num_classes;
        let mut skipped = Skipped::default();
        let check = Check { fit: &fit, num_classes, shape: None, skip_bad, progress };

        let train = check.run(&opened.train, &mut skipped)?;
        let mut contents = vec![train.content];
        let (train_kept, valid_records, valid_kept) = match opened.valid {
            Some(records) => {
                let check = Check { shape: Some(train.shape), ..check };
                let valid = check.run(&records, &mut skipped)?;
                contents.push(valid.content);
                (train.kept, records, valid.kept)
            }
            None => {
                let (kept, valid) = split(&train.kept, self.images.valid_fraction);
                (kept, opened.train.clone(), valid)
            }
        };
        let shape = fit.padded_shape(train.shape)?;
        let finished = |mut fingerprint: Fingerprint| {
            fingerprint.add("images", describe(&self.images));
            fingerprint.finish()
        };
        let mut fingerprint = opened.fingerprint;
        contents.iter().flatten().for_each(|content| fingerprint.add("content", content));
        let splits = Splits {
            train: ImageSet::new(opened.train, train_kept, fit.clone(), shape, self.images.flip).into(),
            valid: ImageSet::new(valid_records, valid_kept, fit, shape, false).into(),
            num_classes,
            class_names: opened.class_names,
            fingerprint: finished(fingerprint),
            recorded_once: opened.recorded_once.map(finished),
            skipped,
            notes: opened.notes,
        };
        match self.images.reduce_to {
            Some(side) => splits.reduced_to(side),
            None => Ok(splits),
        }
    }
}

impl Splits {
    /// The same images with blocks of pixels averaged until `side` are left across and down, not checked again.
    ///
    /// # Errors
    ///
    /// If images are no squares, or `side` does not divide theirs.
    pub fn reduced_to(&self, side: usize) -> Result<Self, DataError> {
        let [_, height, width] = self.image_shape();
        if height != width || side == 0 || !width.is_multiple_of(side) {
            let reason = format!("{side} does not divide the images, which are {width}x{height}: set pad_to");
            return Err(DataError::Config { key: "reduce_to", reason });
        }
        if side == width {
            return Ok(self.clone());
        }
        let reduced = |whole: &String| {
            let mut fingerprint = Fingerprint::new("reduced");
            fingerprint.add("whole", whole);
            fingerprint.add("side", side.to_string());
            fingerprint.finish()
        };
        Ok(Self {
            train: self.train.reduced(width / side).into(),
            valid: self.valid.reduced(width / side).into(),
            fingerprint: reduced(&self.fingerprint),
            recorded_once: self.recorded_once.as_ref().map(reduced),
            ..self.clone()
        })
    }

    fn of_points(opened: OpenedPoints, valid_fraction: f64) -> Self {
        let train = Arc::new(opened.train);
        let all = |count| (0..count).collect::<Vec<usize>>();
        let (train_kept, valid, valid_kept) = match opened.valid {
            Some(valid) => (all(train.len()), Arc::new(valid), None),
            None => {
                let (kept, valid) = split(&all(train.len()), valid_fraction);
                (kept, train.clone(), Some(valid))
            }
        };
        let valid_kept = valid_kept.unwrap_or_else(|| all(valid.len()));
        let mut fingerprint = opened.fingerprint;
        fingerprint.add("valid_fraction", valid_fraction.to_string());
        Self {
            train: Arc::new(ImageSet::of_points(train, train_kept)),
            valid: Arc::new(ImageSet::of_points(valid, valid_kept)),
            num_classes: None,
            class_names: None,
            fingerprint: fingerprint.finish(),
            recorded_once: None,
            skipped: Skipped::default(),
            notes: Vec::new(),
        }
    }

    /// The same images in another form.
    #[must_use]
    pub fn with_sets(self, train: ImageSet, valid: ImageSet) -> Self {
        Self { train: Arc::new(train), valid: Arc::new(valid), ..self }
    }

    /// `[C, H, W]` of every image.
    pub fn image_shape(&self) -> [usize; 3] {
        self.train.image_shape()
    }

    /// The number of classes, where images have labels.
    pub fn num_classes(&self) -> Option<usize> {
        self.num_classes
    }

    /// The names of the classes, where the source states them.
    pub fn class_names(&self) -> Option<&[String]> {
        self.class_names.as_deref()
    }

    /// The classes that no training image shows, ascending.
    pub fn empty_classes(&self) -> Vec<usize> {
        let mut seen = vec![false; self.num_classes.unwrap_or(0)];
        for label in (0..self.train.len()).filter_map(|index| self.train.label(index)) {
            if let Some(seen) = seen.get_mut(label) {
                *seen = true;
            }
        }
        (0..seen.len()).filter(|&class| !seen[class]).collect()
    }

    /// SHA-256 of what defines the set, in hexadecimal: the same on every machine and at every path.
    ///
    /// It covers the content of all files, the names of those of folders, labels and captions, and the keys that change what an
    /// image is. It does not cover which images were skipped.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether a run that recorded this fingerprint was trained on the set, as far as it can tell: of folders and shards,
    /// fingerprints covered names and sizes once.
    pub fn has_fingerprint(&self, recorded: &str) -> bool {
        recorded == self.fingerprint || self.recorded_once.as_deref() == Some(recorded)
    }

    /// The images that were left out.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// Lines about what of the data is not used, or not as it might be expected.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.notes.clone();
        if self.skipped.count > 0 {
            warnings.push(self.skipped.to_string());
        }
        let empty = self.empty_classes();
        if !empty.is_empty() {
            let name = |&class: &usize| match self.class_names() {
                Some(names) => names[class].clone(),
                None => class.to_string(),
            };
            let names: Vec<String> = empty.iter().map(name).collect();
            let all = self.num_classes.unwrap_or(0);
            let (number, names) = (empty.len(), some(&names));
            warnings.push(format!("{number} of {all} classes have no training image: {names}"));
        }
        warnings
    }
}

/// Parts `kept` into training and validation images, both ascending; training keeps at least one.
fn split(kept: &[usize], fraction: f64) -> (Vec<usize>, Vec<usize>) {
    let wanted = (kept.len() as f64 * fraction).round() as usize;
    let count = if fraction > 0.0 { wanted.max(1) } else { 0 }.min(kept.len() - 1);
    let order = SPLIT_SEED.stream("data/split", 0).permutation(kept.len());
    let pick = |places: &[usize]| {
        let mut indices: Vec<usize> = places.iter().map(|&place| kept[place]).collect();
        indices.sort_unstable();
        indices
    };
    (pick(&order[count..]), pick(&order[..count]))
}

/// The keys that change what an image is or which set it belongs to.
fn describe(options: &ImageOptions) -> String {
    let ImageOptions { image_size, pad_to, reduce_to: _, channels, flip: _, valid_fraction } = options;
    let or_zero = |value: &Option<usize>| value.unwrap_or(0);
    let channels = channels.map_or(0, |channels| channels.count());
    format!("{} {} {channels} {valid_fraction}", or_zero(image_size), or_zero(pad_to))
}

//! A set of images of one shape, ready for use.

use std::fmt;
use std::sync::Arc;

use burn::data::dataset::Dataset;

use crate::batches::HostBatch;
use crate::encoded::ReadEncoded;
use crate::error::DataError;
use crate::fit::Fit;
use crate::picture::Picture;
use crate::points::Points;
use crate::records::Records;

/// One image as a model takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageItem {
    /// `[C, H, W]`, in [-1, 1] where it is a picture.
    pub pixels: Vec<f32>,
    /// Its class, where the set has classes.
    pub label: Option<usize>,
    /// What it shows, in words, where the set has captions.
    pub caption: Option<String>,
}

/// The training or the validation images of a data set, all of one shape, decoded when they are used; or its points,
/// which are images of one pixel with as many channels as they have coordinates.
///
/// It is a Burn [`Dataset`] of [`ImageItem`]s too.
pub struct ImageSet {
    items: Items,
    /// The numbers of this set's items among them.
    kept: Vec<usize>,
    /// `[C, H, W]`.
    shape: [usize; 3],
    /// The side of the blocks of pixels that are averaged.
    block: usize,
    flip: bool,
}

/// What a set is made of.
#[derive(Clone)]
enum Items {
    Pictures(Records, Fit),
    Points(Arc<Points>),
    /// The pictures, and what they are encoded as, read by the number in this set.
    Encoded(Arc<ImageSet>, Arc<dyn ReadEncoded>),
}

impl ImageSet {
    pub(crate) fn new(records: Records, kept: Vec<usize>, fit: Fit, shape: [usize; 3], flip: bool) -> Self {
        Self { items: Items::Pictures(records, fit), kept, shape, block: 1, flip }
    }

    pub(crate) fn of_points(points: Arc<Points>, kept: Vec<usize>) -> Self {
        Self { shape: points.shape, items: Items::Points(points), kept, block: 1, flip: false }
    }

    /// The same pictures with blocks of `factor` x `factor` pixels averaged.
    pub(crate) fn reduced(&self, factor: usize) -> Self {
        let [channels, height, width] = self.shape;
        Self {
            items: self.items.clone(),
            kept: self.kept.clone(),
            shape: [channels, height / factor, width / factor],
            block: self.block * factor,
            flip: self.flip,
        }
    }

    fn records(&self) -> Option<&Records> {
        match &self.items {
            Items::Pictures(records, _) => Some(records),
            Items::Encoded(pictures, _) => pictures.records(),
            Items::Points(_) => None,
        }
    }

    /// The same images in another form, of another shape `[C, H, W]`; labels, captions and mirroring stay.
    ///
    /// # Errors
    ///
    /// If the set holds no pictures.
    pub fn encoded(&self, values: Arc<dyn ReadEncoded>, shape: [usize; 3]) -> Result<Self, DataError> {
        if !self.holds_pictures() {
            return Err(DataError::NoPicture { index: 0 });
        }
        let items = Items::Encoded(Arc::new(self.reduced(1)), values);
        Ok(Self { items, kept: self.kept.clone(), shape, block: 1, flip: self.flip })
    }

    /// The same points with their values changed, those of all points one after the other; pictures stay as they are.
    pub fn with_points(&self, change: impl FnOnce(&mut [f32])) -> Self {
        let items = match &self.items {
            Items::Points(points) => {
                let mut values = points.values.clone();
                change(&mut values);
                Items::Points(Arc::new(Points { values, shape: points.shape }))
            }
            pictures => pictures.clone(),
        };
        Self { items, kept: self.kept.clone(), shape: self.shape, block: self.block, flip: self.flip }
    }

    /// Whether the items are pictures, whose values are in [-1, 1].
    pub fn holds_pictures(&self) -> bool {
        matches!(self.items, Items::Pictures(..))
    }

    /// The pictures that were [`encoded`](Self::encoded), by the same numbers; none of a set that was not.
    pub fn pictures(&self) -> Option<&Arc<Self>> {
        if let Items::Encoded(pictures, _) = &self.items { Some(pictures) } else { None }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// `[C, H, W]` of each image.
    pub fn image_shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Whether training is to mirror images at random.
    pub fn flip(&self) -> bool {
        self.flip
    }

    /// The class of image `index`; `None` without classes or past the end.
    pub fn label(&self, index: usize) -> Option<usize> {
        // The check of the set made sure that it is not negative.
        Some(self.records()?.labels.as_ref()?[*self.kept.get(index)?] as usize)
    }

    /// The caption of image `index`; `None` without captions or past the end.
    pub fn caption(&self, index: usize) -> Option<&str> {
        Some(&self.records()?.captions.as_ref()?[*self.kept.get(index)?])
    }

    /// Image `index`, resized, cropped, padded and averaged.
    ///
    /// # Errors
    ///
    /// Past the end, when a file has changed since the set was opened, and where the set holds points.
    pub fn picture(&self, index: usize) -> Result<Picture, DataError> {
        let Some(&record) = self.kept.get(index) else {
            return Err(DataError::Index { index, len: self.len() });
        };
        let Items::Pictures(records, fit) = &self.items else { return Err(DataError::NoPicture { index }) };
        let stored = records.images.read(record)?;
        let shape = fit.padded_shape(fit.shape_of(stored.shape()));
        let [channels, height, width] = self.shape;
        let whole = [channels, height * self.block, width * self.block];
        if !matches!(shape, Ok(shape) if shape == whole) {
            let reason = "its size has changed since the data set was opened".into();
            return Err(DataError::Image { name: records.images.name(record), reason });
        }
        Ok(fit.apply(stored).averaged(self.block))
    }

    fn point<'a>(&self, points: &'a Points, index: usize) -> Result<&'a [f32], DataError> {
        let kept = self.kept.get(index).ok_or(DataError::Index { index, len: self.len() })?;
        Ok(points.point(*kept))
    }

    /// The images `indices` in this order, unflipped: for validation.
    ///
    /// # Errors
    ///
    /// As [`ImageSet::picture`].
    pub fn fixed(&self, indices: &[usize]) -> Result<HostBatch, DataError> {
        self.batch(indices, |_| false)
    }

    /// The images `indices` in this order, all mirrored.
    ///
    /// # Errors
    ///
    /// As [`ImageSet::picture`].
    pub fn mirrored(&self, indices: &[usize]) -> Result<HostBatch, DataError> {
        self.batch(indices, |_| true)
    }

    /// The images `indices`, the one at place `i` mirrored where `flip(i)`.
    pub(crate) fn batch(
        &self,
        indices: &[usize],
        mut flip: impl FnMut(usize) -> bool,
    ) -> Result<HostBatch, DataError> {
        let [channels, height, width] = self.shape;
        let mut pixels = Vec::with_capacity(indices.len() * channels * height * width);
        for (place, &index) in indices.iter().enumerate() {
            match &self.items {
                Items::Points(points) => {
                    pixels.extend_from_slice(self.point(points, index)?);
                    continue;
                }
                Items::Encoded(_, values) => {
                    values.read(index, flip(place), &mut pixels)?;
                    continue;
                }
                Items::Pictures(..) => {}
            }
            let picture = self.picture(index)?;
            let picture = if flip(place) { picture.flipped() } else { picture };
            picture.extend_unit(&mut pixels);
        }
        let labels = indices.iter().map(|&index| self.label(index)).collect();
        Ok(HostBatch { pixels, labels, shape: [indices.len(), channels, height, width] })
    }
}

impl Dataset<ImageItem, DataError> for ImageSet {
    fn get(&self, index: usize) -> Result<ImageItem, DataError> {
        let pixels = self.fixed(&[index])?.pixels;
        let caption = self.caption(index).map(String::from);
        Ok(ImageItem { pixels, label: self.label(index), caption })
    }

    fn len(&self) -> usize {
        self.kept.len()
    }
}

impl fmt::Debug for ImageSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageSet").field("len", &self.len()).field("shape", &self.shape).finish()
    }
}

use std::cell::OnceCell;

use anyhow::Result;
use burn::prelude::*;
use data::{ImageSet, pixels};
use metrics::{Features, MetricError};
use random::Seed;

/// Images in memory, as bytes.
#[derive(Clone, Debug)]
pub struct Images {
    /// `[N, C, H, W]`
    pub bytes: Vec<u8>,
    /// `[C, H, W]`
    pub shape: [usize; 3],
    /// The class of each, where they have classes.
    pub labels: Option<Vec<usize>>,
    /// What networks said of them, by the judge.
    pub(crate) known: [OnceCell<Features>; 2],
}

impl Images {
    /// Images from their bytes.
    pub fn new(bytes: Vec<u8>, shape: [usize; 3], labels: Option<Vec<usize>>) -> Self {
        Self { bytes, shape, labels, known: Default::default() }
    }

    /// Reads the images of a set, at most `most` of them at random places that do not depend on anything else.
    ///
    /// # Errors
    ///
    /// If a file has changed since the set was opened.
    pub fn read(set: &ImageSet, most: usize) -> Result<Self> {
        let mut indices = Seed(0).stream("eval/real", 0).permutation(set.len());
        indices.truncate(most);
        indices.sort_unstable();
        let mut bytes = Vec::new();
        for block in indices.chunks(1000) {
            bytes.extend(set.fixed(block)?.pixels.into_iter().map(pixels::from_unit));
        }
        let labels = indices.iter().map(|&index| set.label(index)).collect();
        Ok(Self::new(bytes, set.image_shape(), labels))
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.size()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of an image.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The images `indices`, in this order, with what is known of them.
    ///
    /// # Panics
    ///
    /// If one of them does not exist.
    pub fn select(&self, indices: &[usize]) -> Self {
        let size = self.size();
        let bytes = indices.iter().flat_map(|&index| &self.bytes[index * size..][..size]).copied().collect();
        let labels = self.labels.as_ref().map(|labels| indices.iter().map(|&index| labels[index]).collect());
        let known = self.known.each_ref().map(|known| {
            let known = known.get().map(|features| features.select(indices));
            known.map_or_else(OnceCell::new, OnceCell::from)
        });
        Self { known, ..Self::new(bytes, self.shape, labels) }
    }

    /// Two halves, each at random.
    pub fn halves(&self) -> [Self; 2] {
        let order = Seed(0).stream("eval/halves", 0).permutation(self.len());
        let (first, second) = order.split_at(self.len() / 2);
        [self.select(first), self.select(second)]
    }

    /// The values in `[-1, 1]`, `[N, C, H, W]`.
    pub fn values(&self) -> Vec<f32> {
        self.bytes.iter().map(|&byte| pixels::to_unit(byte)).collect()
    }

    /// The values in `[-1, 1]`, a row for each image.
    ///
    /// # Errors
    ///
    /// Only if images had no pixels.
    pub fn rows(&self) -> Result<Features, MetricError> {
        Features::new(self.values(), self.size())
    }

    /// The images `indices` in `[-1, 1]` on a device, `[B, C, H, W]`.
    ///
    /// # Panics
    ///
    /// If one of them does not exist.
    pub fn upload(&self, indices: &[usize], device: &Device) -> Tensor<4> {
        let [channels, height, width] = self.shape;
        let values = self.select(indices).values();
        Tensor::from_data(TensorData::new(values, [indices.len(), channels, height, width]), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_images_follows_them() {
        let images = Images::new(vec![10, 20, 30], [1, 1, 1], Some(vec![0, 1, 2]));
        images.known[0].set(Features::new(vec![0.1, 0.2, 0.3], 1).unwrap()).unwrap();
        let selected = images.select(&[2, 0]);
        assert_eq!((selected.bytes, selected.labels), (vec![30, 10], Some(vec![2, 0])));
        assert_eq!(selected.known[0].get(), Some(&Features::new(vec![0.3, 0.1], 1).unwrap()));
        assert_eq!(selected.known[1].get(), None);
    }

    #[test]
    fn halves_are_all_images_once() {
        let images = Images::new((0..9).collect(), [1, 1, 1], None);
        let [first, second] = images.halves();
        assert_eq!((first.len(), second.len()), (4, 5));
        let mut all = [first.bytes, second.bytes].concat();
        all.sort_unstable();
        assert_eq!(all, images.bytes);
    }
}

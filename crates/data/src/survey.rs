//! What a data set holds, before anything is decided about it.

use crate::config::DatasetConfig;
use crate::error::DataError;
use crate::readers::Source;

/// Pictures whose sizes are looked at, spread over the set.
const SAMPLE: usize = 64;

/// What a data set of pictures holds as it is stored. Sizes and colours are those of up to 64 pictures spread over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Pictures, those for validation left out where the source has some of its own.
    pub images: usize,
    /// The number of classes, where pictures have labels.
    pub num_classes: Option<usize>,
    /// The names of the classes, where the source states them.
    pub class_names: Option<Vec<String>>,
    /// Whether pictures have captions.
    pub captions: bool,
    /// The least and the greatest side in pixels.
    pub sides: (usize, usize),
    /// Whether all pictures are squares of one size.
    pub uniform: bool,
    /// Whether no picture has colours.
    pub grey: bool,
}

impl DatasetConfig {
    /// Looks at the stored pictures; those that cannot be read are passed over.
    ///
    /// # Errors
    ///
    /// If the set cannot be listed, holds points, or none of the pictures looked at can be read.
    pub fn survey(&self) -> Result<Survey, DataError> {
        let opened = match self.source.open()? {
            Source::Pictures(opened) => opened,
            Source::Points(_) => return Err(DataError::NoPicture { index: 0 }),
        };
        let records = opened.train;
        let images = records.images.len();
        let (mut sides, mut uniform, mut grey, mut first) = ((usize::MAX, 0), true, true, None);
        let mut failure = None;
        for index in (0..images).step_by(images.div_ceil(SAMPLE).max(1)) {
            let picture = match records.images.read(index) {
                Ok(picture) => picture,
                Err(error) => {
                    failure.get_or_insert(error);
                    continue;
                }
            };
            let size @ (width, height) = (picture.width(), picture.height());
            sides = (sides.0.min(width).min(height), sides.1.max(width).max(height));
            uniform &= width == height && *first.get_or_insert(size) == size;
            grey &= picture.shape()[0] == 1
                || picture.bytes().chunks_exact(3).all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2]);
        }
        if let (0, Some(error)) = (sides.1, failure) {
            return Err(error);
        }
        Ok(Survey {
            images,
            num_classes: opened.num_classes,
            class_names: opened.class_names,
            captions: records.captions.is_some(),
            sides,
            uniform,
            grey,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{FolderConfig, Picture, SourceConfig};

    #[test]
    fn sizes_classes_and_colours_are_seen() {
        let digits = DatasetConfig::default().survey().unwrap();
        assert_eq!(
            (digits.num_classes, digits.sides, digits.uniform, digits.grey),
            (Some(10), (8, 8), true, true)
        );

        let folder = tempfile::tempdir().unwrap();
        for (name, width) in [("a", 9), ("b", 5)] {
            fs::create_dir(folder.path().join(name)).unwrap();
            let picture = Picture::filled(width, 7, &[1, 2, 3]);
            picture.write_png(&folder.path().join(name).join("0.png"), &[]).unwrap();
        }
        let source = SourceConfig::Folder(FolderConfig { path: folder.path().into() });
        let dataset = DatasetConfig { source, ..DatasetConfig::default() };
        let survey = dataset.survey().unwrap();
        assert_eq!((survey.images, survey.num_classes, survey.captions), (2, Some(2), false));
        assert_eq!((survey.sides, survey.uniform, survey.grey), ((5, 9), false, false));
        for name in ["a", "b"] {
            fs::write(folder.path().join(name).join("0.png"), "no picture").unwrap();
        }
        assert!(dataset.survey().is_err());
    }
}

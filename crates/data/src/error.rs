//! What can go wrong with a data set.

use std::fmt::Debug;
use std::io;
use std::path::PathBuf;

/// A data set, an image or an image file that cannot be used, with the file and the reason.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder of the configuration is not there.
    #[error(
        "{path}: no such file or folder; relative paths start at the current directory, \
         and `cargo xtask dataset fetch NAME` downloads the published sets"
    )]
    Missing {
        /// The file or folder.
        path: PathBuf,
    },

    /// A file cannot be read.
    #[error("failed to read {path}: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },

    /// A file cannot be written.
    #[error("failed to write {path}: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system or the encoder said.
        reason: String,
    },

    /// A gzip file ends too early or is damaged.
    #[error("{path}: the gzip data is truncated or damaged ({reason}); download the file again")]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: io::Error,
    },

    /// An IDX file does not begin as one of its kind does.
    #[error("{path}: wrong magic number {found:#010x}: IDX {kind} begin with {expected:#010x}")]
    Magic {
        /// The file.
        path: PathBuf,
        /// "images" or "labels".
        kind: &'static str,
        /// The number that it begins with.
        found: u32,
        /// The number that it should begin with.
        expected: u32,
    },

    /// A file is shorter or longer than its format says.
    #[error(
        "{path}: {found} bytes where {expected} are expected; the file is cut short or of another format"
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length in bytes, after decompression.
        found: u64,
        /// The length that its format asks for, in words.
        expected: String,
    },

    /// Images and labels are not equally many.
    #[error("{labels_path} holds {labels} labels for the {images} images of {images_path}")]
    LabelCount {
        /// The file of labels.
        labels_path: PathBuf,
        /// How many it holds.
        labels: usize,
        /// The file of images.
        images_path: PathBuf,
        /// How many it holds.
        images: usize,
    },

    /// A picture that was asked for by name cannot be decoded.
    #[error("{name}: unreadable image: {reason}; give another PNG, JPEG, WebP, BMP, GIF or TIFF")]
    Picture {
        /// The file.
        name: String,
        /// Why.
        reason: String,
    },

    /// One image of a set cannot be decoded.
    #[error("{name}: unreadable image: {reason}; mend or remove it, or pass --skip-bad to go on without it")]
    Image {
        /// The file, with the row where it holds several.
        name: String,
        /// Why.
        reason: String,
    },

    /// One label is not among the classes.
    #[error(
        "{name}: label {label} is out of range: the set has {classes} classes, 0 to {}",
        .classes.saturating_sub(1)
    )]
    Label {
        /// The file, with the row where it holds several.
        name: String,
        /// The label.
        label: i64,
        /// The number of classes.
        classes: usize,
    },

    /// Two images of one set differ in size or channels.
    #[error(
        "images differ in size: {first} is {}, {other} is {}; \
         set image_size (and channels) in [dataset] to make them equal",
        size(.first_shape), size(.other_shape)
    )]
    MixedSizes {
        /// An image.
        first: String,
        /// Its `[C, H, W]`.
        first_shape: [usize; 3],
        /// Another image.
        other: String,
        /// Its `[C, H, W]`.
        other_shape: [usize; 3],
    },

    /// A source without a single usable image.
    #[error("{path}: no images found; expected {expected}")]
    Empty {
        /// The file or folder.
        path: String,
        /// What was looked for.
        expected: &'static str,
    },

    /// A folder whose lay-out is not understood.
    #[error("{path}: {reason}")]
    Layout {
        /// The folder or its metadata file, with the line.
        path: String,
        /// Why.
        reason: String,
    },

    /// A parquet shard that cannot be used.
    #[error("{path}: {reason}")]
    Parquet {
        /// The shard.
        path: PathBuf,
        /// Why.
        reason: String,
    },

    /// A key of `[dataset]` has a value that cannot be used.
    #[error("dataset.{key}: {reason}")]
    Config {
        /// The key.
        key: &'static str,
        /// Why.
        reason: String,
    },

    /// The data set needs a cargo feature that this build lacks.
    #[error(
        "this build cannot read {feature}: rebuild with `--features {feature}` \
         (`cargo xtask train` does so by itself)"
    )]
    Feature {
        /// The cargo feature.
        feature: &'static str,
    },

    /// A picture asked of a set of points.
    #[error("item {index} is a point, not a picture")]
    NoPicture {
        /// The number asked for.
        index: usize,
    },

    /// A text file of points that cannot be used.
    #[error("{path}: {reason}")]
    Csv {
        /// The file, with the line.
        path: String,
        /// Why.
        reason: String,
    },

    /// An image number past the end of the set.
    #[error("no image {index}: the set holds {len}, numbered from 0")]
    Index {
        /// The number asked for.
        index: usize,
        /// The number of images.
        len: usize,
    },
}

impl DataError {
    /// The error of a failed read, with a message of its own for what does not exist.
    pub(crate) fn read(path: impl Into<PathBuf>, reason: io::Error) -> Self {
        let path = path.into();
        if reason.kind() == io::ErrorKind::NotFound {
            Self::Missing { path }
        } else {
            Self::Read { path, reason }
        }
    }

    /// The error of a number outside `[least, most]`.
    pub(crate) fn out_of_range<T: Debug>(key: &'static str, value: T, least: T, most: T) -> Self {
        Self::Config { key, reason: format!("{value:?} is not between {least:?} and {most:?}") }
    }

    /// What is wrong, without what would mend it: for images that are left out already.
    pub(crate) fn fault(&self) -> String {
        match self {
            Self::Image { name, reason } => format!("{name}: {reason}"),
            Self::MixedSizes { first_shape, other, other_shape, .. } => {
                format!("{other} is {}, others are {}", size(other_shape), size(first_shape))
            }
            other => other.to_string(),
        }
    }

    /// Whether it concerns one image, without which the set can be used.
    pub(crate) fn is_skippable(&self) -> bool {
        matches!(self, Self::Image { .. } | Self::Label { .. } | Self::MixedSizes { .. })
    }
}

fn size([channels, height, width]: &[usize; 3]) -> String {
    format!("{width}x{height} {}", if *channels == 1 { "grey" } else { "rgb" })
}

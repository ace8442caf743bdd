//! The `[dataset]` section of a configuration.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::error::DataError;
use crate::readers::{
    Cifar10Config, CsvConfig, DeadLeavesConfig, DigitsConfig, FolderConfig, HeartbeatConfig, IdxConfig,
    ParquetConfig, SwissRollConfig,
};

/// A data set and what is done to its images: in TOML one flat table, in which unknown keys are refused.
///
/// ```toml
/// type = "idx"
/// images = "datasets/mnist/train-images-idx3-ubyte.gz"
/// labels = "datasets/mnist/train-labels-idx1-ubyte.gz"
/// pad_to = 32
/// ```
///
/// The default is the embedded set of digits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetConfig {
    /// Where the images come from, chosen by the key `type`.
    #[serde(flatten)]
    pub source: SourceConfig,
    /// The keys that all types share.
    #[serde(flatten)]
    pub images: ImageOptions,
}

/// The key `type` and the keys of that type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum SourceConfig {
    /// The embedded digits.
    Digits(DigitsConfig),
    /// IDX files, such as MNIST's.
    Idx(IdxConfig),
    /// CIFAR-10's binary files.
    Cifar10(Cifar10Config),
    /// Hugging Face parquet shards.
    Parquet(ParquetConfig),
    /// A folder of image files.
    Folder(FolderConfig),
    /// Discs that hide each other, drawn by us.
    DeadLeaves(DeadLeavesConfig),
    /// Points of a text file.
    Csv(CsvConfig),
    /// Points of a spiral, drawn by us.
    SwissRoll(SwissRollConfig),
    /// Sequences of bits, drawn by us.
    Heartbeat(HeartbeatConfig),
}

/// The keys of `[dataset]` that all types share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageOptions {
    /// Resize the short side to this many pixels and crop the middle to a square; images keep their size without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_size: Option<usize>,
    /// Pad with black to a square of this many pixels, after `image_size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pad_to: Option<usize>,
    /// Average blocks of pixels until a square of this many is left, after `pad_to`: the images of a cascade's lower
    /// stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduce_to: Option<usize>,
    /// Convert to grey or RGB; images keep their channels without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Channels>,
    /// Mirror each training image with probability 1/2.
    pub flip: bool,
    /// The share of the images kept for validation when the source has no validation set of its own.
    pub valid_fraction: f64,
}

/// How many channels images have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// One.
    Grey,
    /// Three.
    Rgb,
}

impl Channels {
    /// 1 or 3.
    pub fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

impl Default for DatasetConfig {
    fn default() -> Self {
        Self { source: SourceConfig::Digits(DigitsConfig {}), images: ImageOptions::default() }
    }
}

impl Default for ImageOptions {
    fn default() -> Self {
        Self {
            image_size: None,
            pad_to: None,
            reduce_to: None,
            channels: None,
            flip: false,
            valid_fraction: 0.05,
        }
    }
}

/// The largest side that images are resized or padded to.
const MAX_SIDE: usize = 1 << 14;

impl ImageOptions {
    /// Their names, by which [`DatasetConfig`] tells them from the keys of a type.
    const KEYS: [&str; 6] = ["image_size", "pad_to", "reduce_to", "channels", "flip", "valid_fraction"];

    /// Refuses the keys of pictures for data that are none.
    pub(crate) fn validate_points(&self) -> Result<(), DataError> {
        let given = [
            ("image_size", self.image_size.is_some()),
            ("pad_to", self.pad_to.is_some()),
            ("reduce_to", self.reduce_to.is_some()),
            ("channels", self.channels.is_some()),
            ("flip", self.flip),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => {
                Err(DataError::Config { key, reason: "points are no pictures: leave it out".into() })
            }
            None => Ok(()),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), DataError> {
        let refuse = |key, reason: &str| Err(DataError::Config { key, reason: reason.into() });
        let sizes = [("image_size", self.image_size), ("pad_to", self.pad_to)];
        if let Some((key, _)) = sizes.into_iter().find(|(_, size)| size.is_some_and(|size| size > MAX_SIDE)) {
            return refuse(key, &format!("more than {MAX_SIDE} pixels"));
        }
        if self.image_size == Some(0) {
            return refuse("image_size", "0 pixels leave no image");
        }
        if let (Some(size), Some(padded)) = (self.image_size, self.pad_to)
            && padded < size
        {
            return refuse("pad_to", &format!("{padded} is smaller than image_size, which is {size}"));
        }
        if !(0.0..1.0).contains(&self.valid_fraction) {
            return refuse("valid_fraction", &format!("{} is not in [0, 1)", self.valid_fraction));
        }
        Ok(())
    }
}

// serde cannot refuse unknown keys of a flattened struct, so the two kinds of keys are parted by hand.
impl<'de> Deserialize<'de> for DatasetConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Map::<String, Value>::deserialize(deserializer)?;
        let (images, source) =
            table.into_iter().partition(|(key, _)| ImageOptions::KEYS.contains(&key.as_str()));
        let source = from_table(source).map_err(|e| {
            D::Error::custom(format!("{e} (every type also takes {})", ImageOptions::KEYS.join(", ")))
        })?;
        let images = from_table(images).map_err(D::Error::custom)?;
        Ok(Self { source, images })
    }
}

fn from_table<T: DeserializeOwned>(table: Map<String, Value>) -> serde_json::Result<T> {
    serde_json::from_value(Value::Object(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DatasetConfig, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }

    #[test]
    fn the_list_of_shared_keys_is_complete() {
        let all = ImageOptions {
            image_size: Some(1),
            pad_to: Some(1),
            reduce_to: Some(1),
            channels: Some(Channels::Rgb),
            ..ImageOptions::default()
        };
        let Value::Object(table) = serde_json::to_value(all).unwrap() else { panic!("no table") };
        let mut keys = ImageOptions::KEYS;
        keys.sort_unstable();
        assert!(table.keys().eq(keys.iter()), "{table:?}");
    }

    #[test]
    fn configs_survive_toml() {
        for text in [
            "type = \"digits\"\nflip = true",
            "type = \"idx\"\nimages = \"a\"\nlabels = \"b\"\npad_to = 32",
            "type = \"cifar10\"\npath = \"a\"\nvalid_fraction = 0.5",
            "type = \"parquet\"\nfiles = [\"a\", \"b\"]\nlabel_column = \"label\"",
            "type = \"folder\"\npath = \"a\"\nimage_size = 64\nchannels = \"grey\"",
            "type = \"swiss-roll\"\nnoise = 0.1\npoints = 10",
            "type = \"csv\"\npath = \"a\"",
        ] {
            let config = parse(text).unwrap();
            assert_eq!(parse(&toml::to_string(&config).unwrap()).unwrap(), config, "{text}");
        }
    }

    #[test]
    fn unknown_keys_and_types_are_refused() {
        let unknown = parse("type = \"digits\"\nimage_sise = 8").unwrap_err();
        assert!(unknown.contains("unknown field `image_sise`"), "{unknown}");
        assert!(unknown.contains("every type also takes image_size, pad_to"), "{unknown}");
        let stray = parse("type = \"folder\"\npath = \"a\"\nlabels = \"b\"").unwrap_err();
        assert!(stray.contains("unknown field `labels`, expected `path`"), "{stray}");
        let kind = parse("type = \"mnist\"").unwrap_err();
        assert!(kind.contains("unknown variant `mnist`, expected one of `digits`, `idx`"), "{kind}");
    }
}

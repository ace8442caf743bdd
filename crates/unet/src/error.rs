/// A [`UNetConfig`](crate::UNetConfig) that describes no network; the text names the key and what mends it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UNetError {
    /// A size or count is zero.
    #[error("{key} is 0; use at least 1")]
    Zero {
        /// The key of the configuration.
        key: &'static str,
    },
    /// A size or count that no memory holds.
    #[error("{key} is {value}; use at most {most}")]
    TooLarge {
        /// The key of the configuration.
        key: &'static str,
        /// Its value.
        value: usize,
        /// The largest that is taken.
        most: usize,
    },
    /// There is no level.
    #[error("channel_mult is empty; give one multiplier for each level, for example [1, 2, 2]")]
    NoLevels,
    /// The image cannot be halved between all levels.
    #[error(
        "image_size {image_size} cannot be halved {halvings} times, as the {levels} levels of channel_mult ask; \
         use a multiple of {multiple} (pad the images), or fewer levels"
    )]
    ImageSize {
        /// Side of the image in pixels.
        image_size: usize,
        /// Number of levels.
        levels: usize,
        /// How often the image is halved.
        halvings: usize,
        /// What the image's side must be a multiple of.
        multiple: usize,
    },
    /// Attention is asked for where there is no level.
    #[error(
        "attention_resolutions holds {resolution}, but the levels are at {levels:?}; use some of these, or []"
    )]
    AttentionResolution {
        /// The resolution asked for.
        resolution: usize,
        /// The resolutions there are.
        levels: Vec<usize>,
    },
    /// Heads are given by number and by size.
    #[error("num_heads and head_channels are both set; keep one of them")]
    HeadsTwice,
    /// Channels do not divide into heads.
    #[error(
        "{key} {value} does not divide the {channels} channels of level {level}; use a divisor of {channels}"
    )]
    Heads {
        /// `num_heads` or `head_channels`.
        key: &'static str,
        /// Its value.
        value: usize,
        /// The channels to divide.
        channels: usize,
        /// The level, counted from 0 at full resolution.
        level: usize,
    },
    /// Channels do not divide into groups.
    #[error(
        "norm_groups {groups} does not divide the {channels} channels of level {level}; \
         use {suggestion}, or leave norm_groups out"
    )]
    NormGroups {
        /// The number of groups asked for.
        groups: usize,
        /// The channels to divide.
        channels: usize,
        /// The level, counted from 0 at full resolution.
        level: usize,
        /// A number of groups that works at all levels.
        suggestion: usize,
    },
    /// A number is outside its range.
    #[error("{key} is {value}; use a value {range}")]
    OutOfRange {
        /// The key of the configuration.
        key: &'static str,
        /// Its value.
        value: f64,
        /// The values allowed, in words.
        range: String,
    },
    /// A list of blocks has not one for each level.
    #[error("{key} holds {blocks} blocks, but channel_mult {levels} levels; give one block a level")]
    Blocks {
        /// `down_blocks` or `up_blocks`.
        key: &'static str,
        /// Its length.
        blocks: usize,
        /// Number of levels.
        levels: usize,
    },
    /// A level takes the image that the level before it has not led on.
    #[error("{key} has resample = \"skip\" below a level without; use it for all levels above it too")]
    BrokenSkip {
        /// `down_blocks` or `up_blocks`.
        key: &'static str,
    },
    /// An image that is led past levels which halve first.
    #[error("resample_first does not lead an image past the levels; use another resample than \"skip\"")]
    SkipFirst,
    /// A learnt time encoding without its size, or the other way round.
    #[error("num_timesteps belongs to time_encoding = \"learned\"; set both or neither")]
    Timesteps,
    /// A classifier that would be told what it is to find out.
    #[error("{key}: a classifier is told the time and nothing else; leave it out")]
    Classifier {
        /// The key of the configuration.
        key: &'static str,
    },
    /// A table of classes for a network that is not given labels.
    #[error("num_classes belongs to class_input = \"label\"; leave it out")]
    ClassInput,
    /// Channels that do not divide into the groups of `resample = "skip"`.
    #[error(
        "{channels} channels at level {level} do not divide into the groups of resample = \"skip\"; \
         use multiples of 32"
    )]
    SkipGroups {
        /// The channels to divide.
        channels: usize,
        /// The level, counted from 0 at full resolution.
        level: usize,
    },
    /// A block attends to a context that the network has not.
    #[error("a block at level {level} attends to a context, but there is none; set context.channels")]
    NoContext {
        /// The level, counted from 0 at full resolution.
        level: usize,
    },
    /// A number that should divide channels.
    #[error("{key} {value} does not divide the {channels} channels of {of}; use a divisor of {channels}")]
    Divides {
        /// What the number is.
        key: &'static str,
        /// The number.
        value: usize,
        /// Whose channels they are.
        of: &'static str,
        /// The channels to divide.
        channels: usize,
    },
    /// A class that is concatenated, of a network without classes.
    #[error("class_concat needs a class; set num_classes or class_input, or leave it out")]
    ClassConcat,
}

/// A configuration that describes no autoencoder; the text names the key and what mends it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AutoencoderError {
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
    /// Attention is asked for where there is no level.
    #[error("{key} holds {level}, but the levels are 0 to {last}; use some of these, or []")]
    Level {
        /// The key of the configuration.
        key: &'static str,
        /// The level asked for.
        level: usize,
        /// The last there is.
        last: usize,
    },
    /// Channels that do not divide into the groups of a norm.
    #[error("{groups} groups of a norm do not divide the {channels} channels of level {level}; use {mend}")]
    Groups {
        /// The groups.
        groups: usize,
        /// The channels to divide.
        channels: usize,
        /// The level that has them.
        level: usize,
        /// What divides them.
        mend: &'static str,
    },
    /// A latent that modulates norms, with vectors of another length.
    #[error("with spatial_norm, code_channels {codes} must be the {latents} latent_channels; leave it out")]
    SpatialCodes {
        /// Length of a vector.
        codes: usize,
        /// Channels of the latent.
        latents: usize,
    },
    /// A scale that is no positive number, or a shift that is no number.
    #[error("{key} holds {value}; use a {wanted} number")]
    Scale {
        /// The key of the configuration.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What is taken.
        wanted: &'static str,
    },
    /// One number for each channel is asked for, or one for all.
    #[error("{key} holds {found} numbers; use 1, or one for each of the {channels} latent channels")]
    ScaleChannels {
        /// The key of the configuration.
        key: &'static str,
        /// How many there are.
        found: usize,
        /// How many channels there are.
        channels: usize,
    },
    /// Tiles that cannot cover an image.
    #[error("a tile of {tile} latent pixels is too small to overlap its neighbours; use at least {least}")]
    Tile {
        /// Side of a tile in latent pixels.
        tile: usize,
        /// The smallest that is taken.
        least: usize,
    },
}

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::ValueEnum;

/// Arguments for changing an image instead of drawing from nothing.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Changing an image")]
pub struct EditArgs {
    /// Begin with an image file, resized and cropped to the model's size, noised up to --strength.
    #[arg(long, value_name = "FILE", conflicts_with = "forward")]
    pub init_image: Option<PathBuf>,
    /// Share of the steps that is walked: near 0 keeps the image, 1 begins with noise alone [default: 0.5, with
    /// --mask 1; with a folder of pipelines that of its class].
    #[arg(long, value_name = "S")]
    pub strength: Option<f64>,
    /// Begin with the noise that leads to --init-image, found by walking up with DDIM, instead of noise of its own.
    #[arg(long, conflicts_with_all = ["mask", "denoise"])]
    pub invert: bool,
    /// An image file as large as --init-image: what is white is drawn anew, what is black is kept.
    #[arg(long, value_name = "FILE")]
    pub mask: Option<PathBuf>,
    /// A run of system "dpm": the normal noise of --init-image that is to be removed, of values from -1 to 1.
    #[arg(long, value_name = "STD", conflicts_with = "mask")]
    pub denoise: Option<f64>,
    /// How what is drawn comes to agree with what is kept.
    #[arg(long, value_name = "METHOD", default_value = "mean")]
    pub inpaint: Method,
    /// RePaint: steps that a jump goes back [default: 10].
    #[arg(long, value_name = "N")]
    pub jump_length: Option<NonZeroUsize>,
    /// RePaint: how often each stretch of that length is walked; multiplies the time [default: 10].
    #[arg(long, value_name = "N")]
    pub resamples: Option<NonZeroUsize>,
}

/// A method of inpainting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// The known pixels of each predicted clean image are the given ones: no dearer than drawing.
    #[default]
    Mean,
    /// RePaint: known pixels noised to each level, and the walk goes back again and again.
    Repaint,
}

use std::str::FromStr;

use burn::tensor::{DType, FloatDType};
use clap::ValueEnum;

/// Arguments for drawing what a text says, from a --model with text encoders or a run that was trained with captions.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Drawing what a text says (with --model, or a --run trained with captions)")]
pub struct PromptArgs {
    /// What the images show; several are taken in turn.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["label", "labels", "interpolate"])]
    pub prompt: Vec<String>,
    /// What the images do not show; several are taken in turn, as --prompt.
    #[arg(long, value_name = "TEXT")]
    pub negative: Vec<String>,
    /// Walk from the first prompt to the second in -n images, all with the same noise.
    #[arg(long)]
    pub between: bool,
    /// Height and width in pixels, such as 512x768, or one number for both; the folder's own unless given.
    #[arg(long, value_name = "HxW")]
    pub size: Option<Size>,
    /// Share in which guided images get back their contrast (Lin et al. 2023); 0.7 for v-prediction [default: 0].
    #[arg(long, value_name = "SHARE")]
    pub guidance_rescale: Option<f64>,
    /// Last layers of a CLIP text encoder that are left out, except of negative prompts [default: 0].
    #[arg(long, value_name = "N")]
    pub clip_skip: Option<usize>,
    /// Enlarging --init-image: the timestep whose noise is added to it first; the folder's class has a default.
    #[arg(long, value_name = "T")]
    pub noise_level: Option<usize>,
    /// Decode latents of more than so many pixels in height or width tile by tile, for images larger than the memory.
    #[arg(long, value_name = "N")]
    pub tile: Option<usize>,
    /// Precision of the network and the text encoders, where the backend has it.
    #[arg(long, value_enum, default_value_t)]
    pub dtype: Precision,
}

/// A precision of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits.
    F16,
    /// 16 bits with the range of 32.
    Bf16,
}

impl Precision {
    /// The type of tensors.
    pub fn dtype(self) -> DType {
        self.float().into()
    }

    /// The same, of those that hold fractions.
    pub fn float(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::F16 => FloatDType::F16,
            Self::Bf16 => FloatDType::BF16,
        }
    }
}

/// Height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub [usize; 2]);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (height, width) = text.split_once('x').unwrap_or((text, text));
        match (height.trim().parse(), width.trim().parse()) {
            (Ok(height), Ok(width)) => Ok(Self([height, width])),
            _ => Err(format!("`{text}`: expected height and width in pixels, such as 512x768")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_two_numbers_or_one_for_both() {
        assert_eq!("512x768".parse(), Ok(Size([512, 768])));
        assert_eq!("64".parse(), Ok(Size([64, 64])));
        for bad in ["", "x", "64x", "a", "1x2x3"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }
}

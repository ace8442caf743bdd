use std::path::PathBuf;

/// Arguments for cascades of models.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Cascades")]
pub struct CascadeArgs {
    /// Show the images of all stages, side by side.
    #[arg(long)]
    pub stages: bool,
    /// s of conditioning augmentation: how many steps of noise a stage's low-resolution images have; one for all
    /// super-resolution stages, or one for each, such as 200,50; the cascade's own unless given.
    #[arg(long, value_name = "S", value_delimiter = ',')]
    pub aug_level: Vec<usize>,
    /// Stop the stage below at s (true), or finish it and noise its images again (false); the cascade's own unless given.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub truncated: Option<bool>,
    /// Enlarge an image file by the super-resolution stage that is the --run, such as runs/digits-cdm/stage-2.
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["forward", "init_image", "model"])]
    pub upscale: Option<PathBuf>,
}

use std::path::PathBuf;

/// Arguments for a classifier that guides.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Classifier guidance")]
pub struct ClassifierArgs {
    /// Lead the images to their classes by a classifier of noisy images: the run of one that was trained on the same data
    /// and the same noise.
    #[arg(long, value_name = "FOLDER", conflicts_with = "forward")]
    pub classifier: Option<PathBuf>,
    /// How strongly; 0 is off.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub classifier_scale: f64,
}

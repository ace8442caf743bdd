use data::Upsampling;
use schedules::{Schedule, ScheduleConfig};
use serde::{Deserialize, Serialize};

use super::Augmentation;

/// What a super-resolution stage is shown of the stage below it, and how that is augmented: `[low_resolution]`
/// (Ho et al. 2021, arXiv 2106.15282, section 4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LowResolutionConfig {
    /// Side of the low-resolution images. A cascade fills it in from the stage below.
    pub image_size: usize,
    /// How they are enlarged.
    pub upsampling: Upsampling,
    /// The largest s in training, which is drawn uniformly from `0..=max_level`: the steps of the chain below after which
    /// an image is shown, 0 being the image itself. With 0, noise is no augmentation.
    pub max_level: usize,
    /// Probability of blurring an image in training; 1/2 in the paper, for stages of high resolution.
    pub blur_prob: f64,
    /// Least and largest standard deviation of the 3x3 blur in pixels.
    pub blur_sigma: [f64; 2],
    /// Length of the chain that s counts in. A cascade fills it in from the stage below.
    pub num_train_timesteps: usize,
    /// Noise law of that chain. A cascade fills it in from the stage below.
    pub schedule: ScheduleConfig,
    /// s in sampling, unless told otherwise: chosen after the training, by the quality of samples.
    pub level: usize,
    /// Whether, in sampling, the stage below stops at s (truncated) instead of being finished and noised again
    /// (non-truncated).
    pub truncated: bool,
}

impl Default for LowResolutionConfig {
    fn default() -> Self {
        Self {
            image_size: 0,
            upsampling: Upsampling::Bilinear,
            max_level: 0,
            blur_prob: 0.0,
            blur_sigma: [0.4, 0.6],
            num_train_timesteps: 1000,
            schedule: ScheduleConfig::default(),
            level: 0,
            truncated: false,
        }
    }
}

impl LowResolutionConfig {
    /// The chain that s counts in.
    ///
    /// # Errors
    ///
    /// If the schedule is impossible.
    pub(crate) fn chain(&self) -> Result<Schedule, String> {
        self.schedule.build(self.num_train_timesteps).map_err(|error| error.to_string())
    }

    /// Checks it against the `side` of the stage's own images.
    ///
    /// # Errors
    ///
    /// The first key that does not fit.
    pub(crate) fn validate(&self, side: usize) -> Result<(), String> {
        let low = self.image_size;
        if low == 0 || low >= side || !side.is_multiple_of(low) {
            return Err(format!("image_size = {low}: it must divide the stage's own {side} and be less"));
        }
        self.chain()?;
        let longest = self.num_train_timesteps;
        if self.max_level > longest {
            return Err(format!(
                "max_level = {}: the chain of the stage below has {longest} steps",
                self.max_level
            ));
        }
        self.validate_level(self.level, self.truncated).map_err(|reason| format!("level = {reason}"))?;
        if !(0.0..=1.0).contains(&self.blur_prob) {
            return Err(format!("blur_prob = {}: it must be in [0, 1]", self.blur_prob));
        }
        let [least, largest] = self.blur_sigma;
        if !(least > 0.0 && largest >= least && largest.is_finite()) {
            return Err(format!("blur_sigma = [{least}, {largest}]: they must be above 0 and in order"));
        }
        Ok(())
    }

    /// Says how the stage is given the images below when it is sampled from.
    pub(crate) fn augment(&mut self, Augmentation { level, truncated }: Augmentation) {
        (self.level, self.truncated) = (level, truncated);
    }

    /// Checks an s to sample with.
    ///
    /// # Errors
    ///
    /// If the stage was not trained on it, or there is no chain to stop.
    pub fn validate_level(&self, level: usize, truncated: bool) -> Result<(), String> {
        let most = self.max_level;
        match level {
            _ if level > most => Err(format!("{level}: this stage was trained with s from 0 to {most}")),
            0 if truncated => Err("0: truncated sampling stops the stage below at an s above 0".into()),
            _ => Ok(()),
        }
    }
}

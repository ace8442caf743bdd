use std::sync::Arc;

use data::resample::{average, blur};
use data::{HostBatch, Upsampling};
use random::Stream;
use schedules::{NoiseLevel, Schedule};

use super::LowResolutionConfig;

/// The low-resolution images of a super-resolution stage: made from its own images in training, by the stage below in
/// sampling; augmented, enlarged and shown to its network.
#[derive(Clone, Debug)]
pub struct LowResolution {
    config: LowResolutionConfig,
    chain: Arc<Schedule>,
    /// The side of the stage's own images in units of the low-resolution ones.
    factor: usize,
}

/// The random numbers that one batch is augmented with.
pub(crate) struct Draws {
    pub(crate) levels: Stream,
    pub(crate) noise: Stream,
    /// None where nothing is blurred.
    pub(crate) blur: Option<Stream>,
}

impl LowResolution {
    /// That of a stage whose images have `side` pixels across and down.
    ///
    /// # Errors
    ///
    /// If a key of the configuration does not fit.
    pub fn new(config: &LowResolutionConfig, side: usize) -> Result<Self, String> {
        config.validate(side)?;
        let chain = Arc::new(config.chain()?);
        Ok(Self { config: config.clone(), chain, factor: side / config.image_size })
    }

    /// The noise level of s; none for 0, the image as it is.
    pub fn level(&self, s: usize) -> Option<NoiseLevel> {
        Some(self.chain.level(s.checked_sub(1)?))
    }

    /// `z_s = alpha_s z_0 + sigma_s eps`: Gaussian conditioning augmentation (section 4.2).
    pub fn noise(&self, low: &mut [f32], eps: &[f32], s: usize) {
        let Some(NoiseLevel { alpha, sigma }) = self.level(s) else { return };
        for (value, eps) in low.iter_mut().zip(eps) {
            *value = (alpha * f64::from(*value) + sigma * f64::from(*eps)) as f32;
        }
    }

    /// Low-resolution images `[N, h, w]` at the stage's own resolution, `[N, H, W]`.
    pub fn enlarge(&self, low: &[f32]) -> Vec<f32> {
        let upsampling: Upsampling = self.config.upsampling;
        upsampling.enlarge(low, [self.config.image_size; 2], self.factor)
    }

    /// The stage's own images `[N, H, W]` at low resolution, `[N, h, w]`.
    pub fn reduce(&self, images: &[f32]) -> Vec<f32> {
        average(images, [self.config.image_size * self.factor; 2], self.factor)
    }

    /// What the network is shown of its own images, and the s of each: reduced, blurred at times, noised with an s of
    /// its own, enlarged (section 4.2 and algorithm 1).
    pub(crate) fn show(&self, images: &HostBatch, draws: &mut Draws) -> (Vec<f32>, Vec<usize>) {
        let pixels = images.pixels.len() / images.shape[0];
        let (mut shown, mut levels) = (Vec::with_capacity(images.pixels.len()), Vec::new());
        for image in images.pixels.chunks_exact(pixels) {
            let mut low = self.blurred(self.reduce(image), draws);
            let s = draws.levels.below(self.config.max_level + 1);
            if self.config.max_level > 0 {
                let eps = draws.noise.normal(low.len());
                self.noise(&mut low, &eps, s);
            }
            shown.extend(self.enlarge(&low));
            levels.push(s);
        }
        (shown, levels)
    }

    fn blurred(&self, low: Vec<f32>, draws: &mut Draws) -> Vec<f32> {
        let Some(stream) = draws.blur.as_mut() else { return low };
        let [least, largest] = self.config.blur_sigma;
        let (chosen, share) = (stream.chance(self.config.blur_prob), stream.uniform());
        if chosen { blur(&low, [self.config.image_size; 2], least + share * (largest - least)) } else { low }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use random::Seed;

    fn low_resolution(config: LowResolutionConfig) -> LowResolution {
        LowResolution::new(&LowResolutionConfig { image_size: 4, ..config }, 8).unwrap()
    }

    fn shown(config: LowResolutionConfig, images: usize) -> (Vec<f32>, Vec<usize>, LowResolution) {
        let low = low_resolution(config);
        let pixels = vec![0.5; images * 64];
        let batch = HostBatch { pixels, labels: None, shape: [images, 1, 8, 8] };
        let stream = |purpose| Seed(1).stream(purpose, 0);
        let mut draws = Draws { levels: stream("s"), noise: stream("eps"), blur: Some(stream("blur")) };
        let (shown, levels) = low.show(&batch, &mut draws);
        (shown, levels, low)
    }

    /// The noise of each image has the mean and deviation of its own s in the chain below.
    #[test]
    fn noise_is_that_of_the_chain_below() {
        let (shown, levels, low) = shown(LowResolutionConfig { max_level: 500, ..Default::default() }, 2000);
        // Of ratios to what is expected: the middle of an enlarged 2x2 block mixes four values, the corners do not mix.
        let (mut mean, mut square) = (0.0, 0.0);
        for (image, &s) in shown.chunks_exact(64).zip(&levels) {
            let level = low.level(s).unwrap_or(NoiseLevel::CLEAN);
            let z = (f64::from(image[0]) - 0.5 * level.alpha) / level.sigma.max(1e-9);
            if s > 0 {
                mean += z / 2000.0;
                square += z * z / 2000.0;
            }
        }
        assert!(mean.abs() < 5.0 / 2000f64.sqrt(), "{mean}");
        assert!((square - 1.0).abs() < 5.0 * (2.0 / 2000f64).sqrt(), "{square}");
        let (least, most) = (levels.iter().min().unwrap(), levels.iter().max().unwrap());
        assert!(*least <= 3 && *most >= 497, "s is uniform: {least}..{most}");
    }

    #[test]
    fn without_noise_and_blur_the_image_is_only_enlarged() {
        let (shown, levels, low) = shown(LowResolutionConfig::default(), 3);
        assert!(shown.iter().all(|value| (value - 0.5).abs() < 1e-6));
        assert_eq!(levels, [0, 0, 0]);
        assert_eq!(low.level(0), None);
        assert_eq!(low.level(1), Some(low.chain.level(0)), "s counts the steps of the chain");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let refused = |config: LowResolutionConfig| config.validate(16).unwrap_err();
        let fitting = || LowResolutionConfig { image_size: 8, max_level: 100, ..Default::default() };
        let cases = [
            (LowResolutionConfig { image_size: 5, ..fitting() }, "image_size = 5: it must divide"),
            (LowResolutionConfig { image_size: 16, ..fitting() }, "image_size = 16"),
            (
                LowResolutionConfig { max_level: 1001, ..fitting() },
                "the chain of the stage below has 1000 steps",
            ),
            (LowResolutionConfig { level: 101, ..fitting() }, "level = 101: this stage was trained with s"),
            (LowResolutionConfig { truncated: true, ..fitting() }, "level = 0: truncated sampling"),
            (LowResolutionConfig { blur_prob: 1.5, ..fitting() }, "blur_prob = 1.5"),
            (LowResolutionConfig { blur_sigma: [0.6, 0.4], ..fitting() }, "blur_sigma = [0.6, 0.4]"),
        ];
        for (config, expected) in cases {
            let error = refused(config);
            assert!(error.contains(expected), "{error}");
        }
    }
}

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use burn::prelude::*;
use diffusion::{Ddim, Known, MeanPerturbed, RePaint, RePaintConfig, Step, noised, remaining_levels, sample};
use schedules::NoiseLevel;
use train::FrozenFirstStage;

use crate::course::Course;
use crate::draw::read;
use crate::edit_args::{EditArgs, Method};

/// Strength where there is no mask: in the middle of what Meng et al. 2022 (SDEdit, section 4) found good.
const DEFAULT_STRENGTH: f64 = 0.5;
/// The list of levels grows with it, and the time.
const MAX_RESAMPLES: usize = 1000;

/// An image that is changed instead of drawn from nothing.
#[derive(Clone, Debug)]
pub struct Edit {
    path: PathBuf,
    /// The pixels, in `[-1, 1]`.
    original: Vec<f32>,
    /// What is changed, of `shape`: the pixels or their latent.
    image: Vec<f32>,
    shape: [usize; 3],
    strength: f64,
    inverted: bool,
    inpainting: Option<Inpainting>,
}

#[derive(Clone, Debug)]
struct Inpainting {
    mask: PathBuf,
    /// For each pixel `[H, W]`, whether it stays.
    kept: Vec<bool>,
    /// Nothing for a perturbed mean.
    resampling: Option<RePaintConfig>,
}

impl Edit {
    /// What the arguments ask for, for a model of images `[C, H, W]`.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or the arguments do not fit each other.
    pub fn new(args: &EditArgs, shape: [usize; 3]) -> Result<Option<Self>> {
        let Some(path) = &args.init_image else { return Ok(None) };
        let default = if args.mask.is_some() || args.invert { 1.0 } else { DEFAULT_STRENGTH };
        let strength = args.strength.unwrap_or(default);
        if !(strength > 0.0 && strength <= 1.0) {
            bail!("--strength {strength}: it must be above 0 and at most 1");
        }
        let inpainting = match &args.mask {
            Some(mask) => Some(Inpainting::new(args, path, mask, shape)?),
            None => None,
        };
        let image = data::read_image(path, shape)?;
        let (original, inverted) = (image.clone(), args.invert);
        Ok(Some(Self { path: path.clone(), original, image, shape, strength, inverted, inpainting }))
    }

    /// The pixels of the image in `[-1, 1]`, `[C, H, W]`.
    pub fn original(&self) -> &[f32] {
        &self.original
    }

    /// Values of the image in `[-1, 1]`, `[C, H, W]`.
    pub(crate) fn image(&self) -> &[f32] {
        &self.image
    }

    /// For each pixel `[H, W]`, whether it stays; nothing without a mask.
    pub(crate) fn kept(&self) -> Option<&[bool]> {
        self.inpainting.as_ref().map(|inpainting| &inpainting.kept[..])
    }

    /// The same of latents `[C, H, W]`: a latent pixel stays if all pixels that it stands for do.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn of_latents(self, first_stage: &FrozenFirstStage, shape: [usize; 3]) -> Result<Self> {
        let [channels, height, width] = self.shape;
        let image = TensorData::new(self.image, [1, channels, height, width]);
        let latent = read(first_stage.encode(Tensor::from_data(image, &first_stage.device)))?;
        let factor = width / shape[2];
        let stays = |kept: &[bool], place: usize| {
            let (top, left) = (place / shape[2] * factor, place % shape[2] * factor);
            (0..factor * factor).all(|i| kept[(top + i / factor) * width + left + i % factor])
        };
        let inpainting = self.inpainting.map(|inpainting| {
            let kept = (0..shape[1] * shape[2]).map(|place| stays(&inpainting.kept, place)).collect();
            Inpainting { kept, ..inpainting }
        });
        Ok(Self { image: latent, shape, inpainting, ..self })
    }

    /// Whether noise is drawn on the way, whatever the solver.
    pub fn draws_noise(&self) -> bool {
        self.inpainting.as_ref().is_some_and(|inpainting| inpainting.resampling.is_some())
    }

    /// The settings as they are printed and written into pictures.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut settings =
            vec![("init_image", self.path.display().to_string()), ("strength", self.strength.to_string())];
        if self.inverted {
            settings.push(("invert", "ddim".to_owned()));
        }
        if let Some(Inpainting { mask, resampling, .. }) = &self.inpainting {
            settings.push(("mask", mask.display().to_string()));
            settings.push(("inpaint", if resampling.is_some() { "repaint" } else { "mean" }.to_owned()));
            if let Some(RePaintConfig { jump_length, resamples }) = resampling {
                settings.push(("jump_length", jump_length.to_string()));
                settings.push(("resamples", resamples.to_string()));
            }
        }
        settings
    }

    /// What is walked of the levels that a sampler visits.
    ///
    /// # Errors
    ///
    /// None with a strength that [`Edit::new`] has accepted.
    pub fn levels(&self, levels: &[NoiseLevel]) -> Result<Vec<NoiseLevel>> {
        let remaining = remaining_levels(levels, self.strength)?;
        let resampling = self.inpainting.as_ref().and_then(|inpainting| inpainting.resampling);
        Ok(resampling.map_or_else(|| remaining.to_vec(), |resampling| resampling.levels(remaining)))
    }

    /// Walks down what remains of `course`: from the noised image, or of the whole walk, from its own beginning.
    ///
    /// # Shapes
    ///
    /// - x, standard normal, what `noise` draws, result: `[B, C, H, W]`
    ///
    /// # Errors
    ///
    /// As [`sample`].
    pub fn sample(
        &self,
        mut course: Course<'_>,
        x: Tensor<4>,
        noise: &mut dyn FnMut() -> Tensor<4>,
        observer: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Tensor<4>> {
        let remaining = remaining_levels(&course.levels, self.strength)?;
        let [channels, height, width] = self.shape;
        let image = TensorData::new(self.image.clone(), [1, channels, height, width]);
        let image = Tensor::<4>::from_data(image, &x.device());
        let x = if self.inverted {
            invert(&course, remaining, image.clone().repeat_dim(0, x.dims()[0]))?
        } else if remaining.len() == course.levels.len() {
            x * course.init_noise_sigma
        } else {
            noised(image.clone(), remaining[0], x)
        };
        let Some(Inpainting { kept, resampling, .. }) = &self.inpainting else {
            return Ok(sample(&course.denoiser, course.solver.as_mut(), remaining, x, noise, observer)?);
        };
        let kept = TensorData::new(kept.clone(), [1, 1, height, width]);
        let known = Known { image, kept: Tensor::from_data(kept, &x.device()) };
        let x = match resampling {
            None => {
                let denoiser = MeanPerturbed { inner: course.denoiser, known: known.clone() };
                sample(&denoiser, course.solver.as_mut(), remaining, x, noise, observer)?
            }
            Some(config) => {
                let inner = course.solver.as_mut();
                let mut solver = RePaint::new(inner, known.clone(), *config, remaining.len() - 1);
                sample(&course.denoiser, &mut solver, &config.levels(remaining), x, noise, observer)?
            }
        };
        Ok(known.put(x))
    }
}

/// The image at the first of `levels` from which the probability-flow ODE leads to `image`: DDIM's steps upwards (Song et al.
/// 2020, section 4.3), from the last level with noise, so that none is left out of account.
fn invert(course: &Course<'_>, levels: &[NoiseLevel], image: Tensor<4>) -> Result<Tensor<4>> {
    let rising: Vec<NoiseLevel> = levels.iter().rev().copied().filter(|level| level.sigma > 0.0).collect();
    let x = image * rising[0].alpha;
    let mut no_noise = || -> Tensor<4> { x.zeros_like() };
    let mut observer = |_: Step| ControlFlow::Continue(());
    Ok(sample(&course.denoiser, &mut Ddim { eta: 0.0 }, &rising, x.clone(), &mut no_noise, &mut observer)?)
}

impl Inpainting {
    fn new(args: &EditArgs, image: &Path, mask: &Path, shape: [usize; 3]) -> Result<Self> {
        let size = |path: &Path| data::read_picture(path).map(|picture| (picture.width(), picture.height()));
        let ((width, height), of_image) = (size(mask)?, size(image)?);
        if (width, height) != of_image {
            bail!(
                "--mask {}: it is {width}x{height}, but {} is {}x{}: use a mask of the same size",
                mask.display(),
                image.display(),
                of_image.0,
                of_image.1
            );
        }
        let kept: Vec<bool> =
            data::read_image(mask, [1, shape[1], shape[2]])?.iter().map(|&value| value < 0.0).collect();
        if kept.iter().all(|kept| *kept) {
            bail!("--mask {}: nothing in it is white, so that nothing would be drawn", mask.display());
        }
        if let Some(resamples) = args.resamples.filter(|resamples| resamples.get() > MAX_RESAMPLES) {
            bail!("--resamples {resamples}: it must be at most {MAX_RESAMPLES}");
        }
        let resampling = match args.inpaint {
            Method::Repaint => {
                let RePaintConfig { jump_length, resamples } = RePaintConfig::default();
                Some(RePaintConfig {
                    jump_length: args.jump_length.unwrap_or(jump_length),
                    resamples: args.resamples.unwrap_or(resamples),
                })
            }
            Method::Mean => None,
        };
        Ok(Self { mask: mask.to_path_buf(), kept, resampling })
    }
}

use std::path::PathBuf;

use anyhow::{Result, bail};
use burn::prelude::*;
use train::{ConcatConfig, ShownImages, Told, TrainedLatent, TrainedModel};
use unet::UNet;

use crate::args::Args;
use crate::edit_args::EditArgs;
use crate::memory::check_memory;
use crate::plan::{OwnSampler, Plan};
use crate::sheet::Contents;
use crate::told::Prompts;
use crate::walk::Walk;

/// What is drawn from a run of latent diffusion: the arguments, checked against it.
pub struct LatentDrawing {
    /// The network with what it is told and shown.
    pub model: TrainedModel<Told<UNet>>,
    /// Number, noise and walk of the images.
    pub plan: Plan,
    /// The files that the network is shown, by the argument that names them.
    shown: Vec<(&'static str, PathBuf)>,
    /// `[C, H, W]` of the images.
    shape: [usize; 3],
}

impl LatentDrawing {
    /// Checks the arguments against a run, and reads the images that its network is shown.
    ///
    /// # Errors
    ///
    /// The first argument that does not fit.
    pub fn new(args: &Args, trained: &TrainedLatent) -> Result<Self> {
        let prompts = Prompts::new(args, trained)?;
        let config = &trained.config;
        let (beside, shown) = match config.concat {
            Some(concat) => beside(&args.edit, concat, trained)?,
            None => (None, Vec::new()),
        };
        let guidable = config.train.cond_drop_prob > 0.0;
        let args = &Args {
            number: args.number.or_else(|| prompts.as_ref().map(|prompts| prompts.prompts.len())),
            guidance_scale: args
                .guidance_scale
                .or(prompts.as_ref().filter(|_| guidable).map(|_| config.train.sample_guidance_scale)),
            ..args.clone()
        };
        let mut model = match &prompts {
            Some(Prompts { prompts, negative, .. }) => trained.told(prompts, negative)?,
            None => trained.told(&[], "")?,
        };
        let image_conditioned = beside.is_some();
        model.net.beside = beside;
        let between = prompts.as_ref().is_some_and(|prompts| prompts.between);
        if between {
            let number = args.number.unwrap_or(0);
            let each = model.net.texts.as_ref().map_or(0, |texts| texts.floats());
            check_memory("-n", number, each)?;
            model.net.texts = model.net.texts.map(|texts| texts.between(number));
            model.num_classes = Some(number);
        }
        let own = OwnSampler {
            walk: Walk::Configured(config.sample.clone()),
            guidable: config.train.cond_drop_prob > 0.0,
            guide: None,
            image_conditioned,
            text_conditioned: prompts.is_some(),
        };
        let plan = Plan::new(args, &model, &own, Some(&trained.first_stage))?;
        let shape = trained.first_stage.image_shape(model.image_shape);
        Ok(Self { model, plan: Plan { prompts, one_noise: between, ..plan }, shown, shape })
    }

    /// What the grid shows; the image that the network was shown is left out if it can no longer be read.
    pub fn contents(&self) -> Contents {
        let contents = self.plan.contents();
        let image = self.shown.iter().find(|(name, _)| *name == "init_image");
        let original = image.and_then(|(_, path)| data::read_image(path, self.shape).ok());
        Contents { original: original.or(contents.original), ..contents }
    }

    /// The settings as they are printed and written into pictures.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut settings = self.plan.describe();
        settings.extend(self.shown.iter().map(|(name, path)| (*name, path.display().to_string())));
        settings
    }
}

type Beside = (Option<Tensor<4>>, Vec<(&'static str, PathBuf)>);

/// What a network that was trained with images beside its latents is shown.
fn beside(args: &EditArgs, concat: ConcatConfig, trained: &TrainedLatent) -> Result<Beside> {
    let stage = &trained.first_stage;
    let side = trained.config.model.image_size;
    let [channels, height, width] = stage.image_shape([0, side, side]);
    let read = |path: &PathBuf, shape @ [channels, height, width]: [usize; 3]| -> Result<Tensor<4>> {
        let values = TensorData::new(data::read_image(path, shape)?, [1, channels, height, width]);
        Ok(Tensor::from_data(values, &trained.device))
    };
    match (concat, &args.init_image, &args.mask) {
        (ConcatConfig::Inpainting, Some(image), Some(mask)) => {
            let shown = ShownImages {
                images: read(image, [channels, height, width])?,
                masks: Some(read(mask, [1, height, width])?.greater_scalar(0.0).float()),
            };
            let files = vec![("init_image", image.clone()), ("mask", mask.clone())];
            Ok((Some(shown.encoded(stage)), files))
        }
        (ConcatConfig::Inpainting, ..) => {
            bail!("this run fills a mask: add --init-image FILE --mask FILE, white where it is to draw")
        }
        (ConcatConfig::SuperResolution, Some(image), _) => {
            let files = vec![("init_image", image.clone())];
            Ok((Some(read(image, [channels, side, side])?), files))
        }
        (ConcatConfig::SuperResolution, None, _) => {
            bail!("this run enlarges an image of {side}x{side}: add --init-image FILE")
        }
    }
}

use std::path::Path;

use anyhow::{Result, bail};
use data::read_png_text;
use train::TrainedLatent;

use crate::args::Args;
use crate::draw::SHOWS;

/// What a run that knows words is to draw.
#[derive(Clone, Debug)]
pub struct Prompts {
    /// What the images show, in turn.
    pub prompts: Vec<String>,
    /// What they are guided away from.
    pub negative: String,
    /// Whether images lie between the two prompts, instead of taking them in turn.
    pub between: bool,
}

impl Prompts {
    /// Those of the arguments, or else those of the run's previews; none for a run that knows classes.
    ///
    /// # Errors
    ///
    /// If an argument does not fit the run.
    pub fn new(args: &Args, trained: &TrainedLatent) -> Result<Option<Self>> {
        let given = &args.prompt;
        let Some(text) = &trained.config.text else { return Ok(None) };
        let prompts = match &args.edit.init_image {
            _ if !given.prompt.is_empty() => given.prompt.clone(),
            Some(image) => vec![kept_prompt(args, image)?],
            None => text.preview.clone(),
        };
        if prompts.is_empty() {
            bail!("this run draws what a text says: add --prompt \"red heart\"");
        }
        let negative = match &given.negative[..] {
            [] => String::new(),
            [one] => one.clone(),
            _ => bail!("--negative: a run takes one for all prompts"),
        };
        if given.between && (prompts.len() != 2 || args.number.is_none_or(|number| number < 2)) {
            bail!("--between walks from one prompt to another: give two of them, and how many images by -n");
        }
        let prompts = Self { prompts, negative, between: given.between };
        prompts.warn(trained);
        Ok(Some(prompts))
    }

    /// The settings as they are printed and written into pictures.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut settings: Vec<_> = self.prompts.iter().map(|prompt| ("prompt", prompt.clone())).collect();
        settings.push(("negative", self.negative.clone()));
        settings.extend(self.between.then(|| ("between", "the prompts".to_owned())));
        settings
    }

    /// Says which words say nothing to the run.
    fn warn(&self, trained: &TrainedLatent) {
        let Some(words) = &trained.tokenizer else { return };
        for text in self.prompts.iter().chain([&self.negative]) {
            let (unknown, dropped) = (words.unknown_words(text), words.encode(text).dropped);
            if !unknown.is_empty() {
                terminal::warn(format_args!(
                    "no caption of this run's data has {} of {text:?}",
                    unknown.join(", ")
                ));
            }
            if dropped > 0 {
                terminal::warn(format_args!(
                    "the last {dropped} tokens of {text:?} are left out: the text is too long"
                ));
            }
        }
    }
}

/// What a changed image goes on to show where no prompt is given: what its file says, or whatever the run finds.
fn kept_prompt(args: &Args, image: &Path) -> Result<String> {
    match read_png_text(image, SHOWS) {
        Some(prompt) => Ok(prompt),
        None if args.guidance_scale.is_some_and(|scale| scale != 1.0) => {
            bail!("--guidance-scale: {} does not say what it shows: add --prompt", image.display())
        }
        None => Ok(String::new()),
    }
}

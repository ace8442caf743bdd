use anyhow::{Result, bail};

use crate::args::Args;
use crate::edit_args::Method;
use crate::given::Given;

/// What a model is and which options it uses, as plain data. What a request asks beyond that is refused by the option's
/// name, before anything is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// What the model is, as the subject of a sentence: `a run that draws points`.
    pub subject: String,
    /// The options that it uses, beside those that all models do.
    pub uses: Vec<&'static str>,
    /// Its own sampler, where it can be drawn with another.
    pub sampler: Option<OwnSamplerUse>,
    /// How it is guided; none where it cannot be.
    pub guidance: Option<GuidanceUse>,
    /// Why it does not use some options, where there is more to say than that.
    pub reasons: Vec<(&'static [&'static str], &'static str)>,
}

/// The sampler that a model is drawn with unless a request names another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSamplerUse {
    /// Its name.
    pub name: String,
    /// The options that it uses.
    pub uses: &'static [&'static str],
}

/// Classifier-free guidance of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuidanceUse {
    /// The scale unless a request names another.
    pub default_scale: f64,
    /// Whether every scale up to 1 is off, instead of 1 alone.
    pub off_below_one: bool,
}

/// Options of every model.
pub const COMMON: [&str; 8] = ["run", "checkpoint", "model", "seed", "out", "show", "backend", "device"];
/// Options that only a guided model uses.
const OF_GUIDANCE: [&str; 2] = ["negative", "guidance-rescale"];
/// Options that samplers use, each its own.
const OF_SAMPLERS: [&str; 2] = ["eta", "spacing"];
/// Where options belong that few models use.
const HOMES: [(&[&str], &str); 8] = [
    (&["stages", "aug-level", "truncated"], "it is for cascades: give --run the folder of one"),
    (&["upscale"], "name one super-resolution stage, such as --run runs/NAME/stage-2"),
    (&["prompt", "negative", "between"], "this model knows no text: give a --run or a --model that does"),
    (
        &["size", "guidance-rescale", "clip-skip", "noise-level", "tile", "dtype"],
        "it belongs to folders of pipelines: give a --model that is one",
    ),
    (&["label", "labels"], "this model knows no classes: leave it out"),
    (&["guidance-scale"], "this model never learnt without classes or texts: leave it out"),
    (&["classifier", "classifier-scale", "forward"], "give a --run that draws pixels from noise alone"),
    (&["denoise"], "it is for runs of system \"dpm\": leave it out"),
];

/// What options need beside them.
const NEEDS: [(&[&str], &str); 4] = [
    (&["strength", "invert", "mask", "denoise", "noise-level"], "init-image"),
    (&["inpaint", "jump-length", "resamples"], "mask"),
    (&["classifier-scale"], "classifier"),
    (&["between"], "prompt"),
];

impl Description {
    /// Refuses the first option of a request that does nothing.
    ///
    /// # Errors
    ///
    /// One that names the option and says why.
    pub fn check(&self, args: &Args, given: &Given) -> Result<()> {
        for option in given.names().filter(|option| !COMMON.contains(option)) {
            if !self.uses(option, args) {
                bail!("--{option}: {} does not use it: {}", self.subject, self.reason(option));
            }
            check_needs(option, given)?;
            self.check_sampler(option, args)?;
            self.check_guidance(option, args)?;
            check_edit(option, args)?;
        }
        Ok(())
    }

    fn uses(&self, option: &str, args: &Args) -> bool {
        let by_classifier = args.classifier.classifier.is_some() && matches!(option, "label" | "labels");
        by_classifier || self.uses.contains(&option)
    }

    fn reason(&self, option: &str) -> &'static str {
        let all = self.reasons.iter().chain(&HOMES);
        let reason = all.into_iter().find(|(options, _)| options.contains(&option));
        reason.map_or("leave it out", |(_, reason)| reason)
    }

    fn check_sampler(&self, option: &str, args: &Args) -> Result<()> {
        if !OF_SAMPLERS.contains(&option) {
            return Ok(());
        }
        let own = self.sampler.as_ref().map(|own| (own.name.clone(), own.uses));
        let named = args.sampler.map(|sampler| (sampler.to_string(), sampler.options()));
        match named.or(own) {
            Some((name, uses)) if !uses.contains(&option) => {
                let others = if option == "eta" { "ddim, dpm2 or tcd" } else { "ddim or another" };
                bail!("--{option}: {name} does not use it: leave it out, or add --sampler {others}")
            }
            _ => Ok(()),
        }
    }

    fn check_guidance(&self, option: &str, args: &Args) -> Result<()> {
        let Some(GuidanceUse { default_scale, off_below_one }) = self.guidance else { return Ok(()) };
        let scale = args.guidance_scale.unwrap_or(default_scale);
        let off = scale == 1.0 || off_below_one && scale < 1.0;
        if OF_GUIDANCE.contains(&option) && off {
            bail!(
                "--{option}: with a guidance scale of {scale} nothing is guided: add a --guidance-scale above 1, or leave it out"
            );
        }
        Ok(())
    }
}

fn check_needs(option: &str, given: &Given) -> Result<()> {
    let needed = NEEDS.iter().find(|(options, _)| options.contains(&option));
    match needed {
        Some((_, needed)) if given.names().all(|name| name != *needed) => {
            bail!("--{option} does nothing by itself: add --{needed}")
        }
        _ => Ok(()),
    }
}

fn check_edit(option: &str, args: &Args) -> Result<()> {
    match option {
        "jump-length" | "resamples" if args.edit.inpaint != Method::Repaint => {
            bail!("--{option} belongs to RePaint: add --inpaint repaint")
        }
        "interpolate" if args.edit.invert => {
            bail!("--interpolate: --invert finds the noise of its own: leave one of them out")
        }
        _ => Ok(()),
    }
}

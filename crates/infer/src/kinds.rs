//! Which options each kind of model uses: one row a kind.

use diffusion::SolverConfig;
use interop::FolderSampler;
use interop::pipeline::{Defaults, PipelineFacts, PipelineKind, Task};
use train::cascade::SuperResolutionConfig;
use train::{ConcatConfig, LatentRunConfig, PointRunConfig, RunConfig};
use unet::UNetConfig;

use crate::description::{Description, GuidanceUse, OwnSamplerUse};
use crate::sampler;

/// Of all that draw images in batches.
const IMAGES: [&str; 4] = ["number", "batch", "separate", "zoom"];
const CLASSES: [&str; 2] = ["label", "labels"];
const TEXT: [&str; 3] = ["prompt", "negative", "between"];
const WALK: [&str; 4] = ["sampler", "steps", "spacing", "eta"];
const EDIT: [&str; 7] = ["init-image", "strength", "invert", "mask", "inpaint", "jump-length", "resamples"];

impl Description {
    fn of(subject: &str, uses: &[&[&'static str]]) -> Self {
        Self {
            subject: subject.to_owned(),
            uses: uses.concat(),
            sampler: None,
            guidance: None,
            reasons: Vec::new(),
        }
    }

    fn also(mut self, used: bool, options: &[&'static str]) -> Self {
        if used {
            self.uses.extend(options);
        }
        self
    }

    fn sampled_by(self, solver: &SolverConfig) -> Self {
        let name = sampler::name(solver);
        self.sampled(OwnSamplerUse { name, uses: sampler::options(solver) })
    }

    fn sampled(self, sampler: OwnSamplerUse) -> Self {
        Self { sampler: Some(sampler), ..self }
    }

    fn guided(mut self, guidance: Option<GuidanceUse>) -> Self {
        self.guidance = guidance;
        self.also(guidance.is_some(), &["guidance-scale"])
    }

    fn because(mut self, options: &'static [&'static str], reason: &'static str) -> Self {
        self.reasons.push((options, reason));
        self
    }

    /// A run that draws pixels from noise.
    pub fn of_run(config: &RunConfig) -> Self {
        let own =
            ["dynamic-threshold", "animate", "interpolate", "classifier", "classifier-scale", "forward"];
        Self::of("a run that draws pixels", &[&IMAGES, &WALK, &EDIT, &own])
            .also(config.model.num_classes.is_some(), &CLASSES)
            .guided(by_classes(config))
            .sampled_by(&config.sample.solver)
    }

    /// The same, while it shows the forward process instead of sampling.
    pub fn of_forward() -> Self {
        Self::of("--forward", &[&["forward", "zoom"]])
    }

    /// A run of a chain of 2015.
    pub fn of_dpm() -> Self {
        let whole = "it walks its whole chain: leave it out";
        Self::of(
            "a diffusion probabilistic model",
            &[&["number", "batch", "animate", "zoom", "init-image", "mask", "denoise"]],
        )
        .because(&["sampler", "steps", "spacing", "eta", "strength", "invert", "inpaint"], whole)
        .because(&["jump-length", "resamples", "interpolate", "forward"], whole)
    }

    /// A run of points.
    pub fn of_points(config: &PointRunConfig) -> Self {
        Self::of("a run that draws points", &[&WALK, &["number", "animate"]])
            .sampled_by(&config.sample.solver)
    }

    /// A run of latent diffusion.
    pub fn of_latents(config: &LatentRunConfig) -> Self {
        let (text, classes) = (config.text.is_some(), config.model.num_classes.is_some());
        let default_scale = if text { config.train.sample_guidance_scale } else { 1.0 };
        let guidable = config.train.cond_drop_prob > 0.0 && (text || classes);
        let edits: &[&str] = match config.concat {
            None => &EDIT,
            Some(ConcatConfig::Inpainting) => &["init-image", "mask"],
            Some(ConcatConfig::SuperResolution) => &["init-image"],
        };
        Self::of("a run that draws latents", &[&IMAGES, &WALK, &["animate", "interpolate"], edits])
            .also(text, &TEXT)
            .also(classes && !text, &CLASSES)
            .guided(guidable.then_some(GuidanceUse { default_scale, off_below_one: false }))
            .sampled_by(&config.sample.solver)
            .because(&CLASSES, if text { SAY_IT } else { NO_CLASSES })
            .because(&["mask"], "this run enlarges an image: leave it out")
            .because(&EDIT, "its network is shown the image instead of beginning with it: leave it out")
            .because(&["dynamic-threshold"], "it draws latents, which are not limited: leave it out")
    }

    /// A cascade; `base` is its first stage. Each stage has a sampler of its own.
    pub fn of_cascade(base: &RunConfig) -> Self {
        Self::of("a cascade", &[&IMAGES, &WALK, &["dynamic-threshold", "stages", "aug-level", "truncated"]])
            .also(base.model.num_classes.is_some(), &CLASSES)
            .guided(by_classes(base))
            .because(SINGLE, OF_SINGLE)
    }

    /// A super-resolution stage by itself.
    pub fn of_stage(config: &SuperResolutionConfig) -> Self {
        let run = &config.run;
        Self::of("a stage of a cascade", &[&IMAGES, &WALK, &["dynamic-threshold", "aug-level", "upscale"]])
            .also(run.model.num_classes.is_some(), &CLASSES)
            .guided(by_classes(run))
            .sampled_by(&run.sample.solver)
            .because(&["stages"], "this is one stage: give --run the folder of the cascade")
            .because(&["truncated"], "there is no stage below that could stop at s: leave it out")
            .because(SINGLE, OF_SINGLE)
    }

    /// A folder of the diffusers library with a network and a scheduler alone.
    pub fn of_folder(unet: &UNetConfig, sampler: &FolderSampler) -> Self {
        let classes = unet.num_classes.is_some();
        let guidance = GuidanceUse { default_scale: 1.0, off_below_one: false };
        Self::of("a folder of a network", &[&IMAGES, &WALK, &EDIT, &["animate", "interpolate"]])
            .also(classes, &CLASSES)
            .guided((classes && unet.null_class).then_some(guidance))
            .sampled(OwnSamplerUse { name: sampler.class().to_owned(), uses: sampler.options() })
    }

    /// A folder of one of that library's pipelines.
    pub fn of_pipeline(facts: &PipelineFacts) -> Self {
        use PipelineKind::{If, IfUpscale, Ldm, StableDiffusion, StableDiffusionUpscale, StableDiffusionXl};
        let kind = facts.kind;
        let guidance = GuidanceUse {
            default_scale: Defaults::of(kind, Task::Generate).guidance_scale,
            off_below_one: true,
        };
        // A distilled network is told the scale instead of being asked twice.
        let guided =
            if facts.told_scale { &["guidance-scale"][..] } else { &["negative", "guidance-rescale"] };
        let sampler = OwnSamplerUse { name: facts.sampler.class().to_owned(), uses: facts.sampler.options() };
        Self::of(&facts.class, &[&IMAGES, &WALK, &["animate", "dtype", "init-image"]])
            .also(kind != Ldm, &["prompt", "between"])
            .also(kind != Ldm, guided)
            .also(facts.classes, &CLASSES)
            .also(kind != StableDiffusionUpscale, &["size"])
            .also(!matches!(kind, If | IfUpscale), &["tile"])
            .also(!kind.enlarges(), &["strength"])
            .also(kind.enlarges(), &["noise-level"])
            .also(matches!(kind, StableDiffusion | StableDiffusionXl), &["mask"])
            .also(facts.clip, &["clip-skip"])
            .guided((!matches!(kind, Ldm) && !facts.told_scale).then_some(guidance))
            .sampled(sampler)
            .because(&["size"], "it enlarges the image by its own factor: leave it out")
            .because(&["tile"], "it draws pixels, and nothing is decoded: leave it out")
            .because(&["strength", "mask"], if kind.enlarges() { ENLARGES } else { NO_MASK })
            .because(&["noise-level"], "it enlarges no image: leave it out")
            .because(&["clip-skip"], "no text encoder of it is CLIP: leave it out")
            .because(&["guidance-rescale", "negative"], if facts.told_scale { TOLD } else { NO_TEXT })
            .because(&["guidance-scale"], NO_TEXT)
    }
}

const SAY_IT: &str = "this run knows no classes: say it with --prompt";
const NO_CLASSES: &str = "this model knows no classes: leave it out";
const ENLARGES: &str = "it enlarges an image instead of beginning with it: leave it out";
const NO_MASK: &str = "it fills no mask: leave it out";
const NO_TEXT: &str = "it knows no text: leave it out";
const TOLD: &str = "its network was distilled with guidance: leave it out";
/// What is done with single models only.
const SINGLE: &[&str] = &[
    "animate",
    "interpolate",
    "init-image",
    "strength",
    "invert",
    "mask",
    "inpaint",
    "jump-length",
    "resamples",
];
const OF_SINGLE: &str = "it is for single models: give --run the folder of a cascade's first stage";

fn by_classes(config: &RunConfig) -> Option<GuidanceUse> {
    let guidable = config.model.num_classes.is_some() && config.train.cond_drop_prob > 0.0;
    guidable.then_some(GuidanceUse { default_scale: 1.0, off_below_one: false })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;
    use crate::description::COMMON;

    /// Each option of the command line is used by some kind of model, and none is of no command line.
    #[test]
    fn the_table_knows_all_options() {
        let command = Args::command();
        let typed: BTreeSet<&str> = command.get_arguments().filter_map(|option| option.get_long()).collect();
        let mut run: RunConfig = toml::from_str("[dataset]\ntype = \"digits\"").unwrap();
        run.model.num_classes = Some(10);
        let kinds = [Description::of_run(&run), Description::of_dpm(), Description::of_cascade(&run)];
        let mut known: BTreeSet<&str> =
            kinds.iter().flat_map(|kind| kind.uses.clone()).chain(COMMON).collect();
        known.extend(TEXT);
        known.extend(["size", "guidance-rescale", "clip-skip", "noise-level", "tile", "dtype", "upscale"]);
        assert_eq!(known, typed);
    }
}

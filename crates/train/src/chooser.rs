//! A configuration for somebody's own pictures, chosen for this machine by a short measurement.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use backend::BackendName;
use burn::train::Interrupter;
use data::{Channels, DatasetConfig, Splits, Survey};
use toml::{Table, Value};

use crate::error::TrainError;
use crate::progress::clock;
use crate::{DraftConfig, Objective, RunConfig, RunDir, Session};

/// Steps below which pictures of this size show little.
const ENOUGH_STEPS: f64 = 1000.0;
/// Longer runs are for those who know why.
const MOST_STEPS: f64 = 100_000.0;
/// Training steps that are timed for each candidate, after one that is not.
const TIMED_STEPS: usize = 3;
/// Images in a batch at most.
const BATCH: usize = 32;
/// Images of a preview, and the steps that draw it.
const PREVIEW: (usize, usize) = (40, 50);
/// Previews of a run at most, and the share of the time that they may take.
const PREVIEWS: (usize, f64) = (5, 0.2);
/// Sides of pictures to choose from.
const SIDES: [usize; 4] = [64, 32, 16, 8];
/// The largest side that is trained on.
const MOST_SIDE: usize = 512;
/// The side of the network's lowest level, where it can be reached.
const LOWEST_SIDE: usize = 8;
/// Fewer pictures than this are learnt by heart.
const MANY: usize = 500;

/// What is known before the choice.
pub struct Wishes<'a> {
    /// The pictures.
    pub dataset: DatasetConfig,
    /// The side that they are to have in pixels.
    pub size: Option<usize>,
    /// How long the training may take.
    pub time: Duration,
    /// What computes.
    pub backend: BackendName,
    /// Which of its devices.
    pub device_index: usize,
    /// The seed of the run.
    pub seed: u64,
    /// Hears of each candidate that was measured, as it was.
    pub say: &'a dyn Fn(&str),
}

/// A configuration, and why it is as it is.
#[derive(Clone, Debug)]
pub struct Choice {
    /// A commented TOML file.
    pub text: String,
    /// What was seen, chosen and why, a line each; they stand in the file too.
    pub reasons: Vec<String>,
}

/// A size and a width of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    side: usize,
    channels: usize,
}

impl Wishes<'_> {
    /// Looks at the pictures, times a few steps of candidates from the cheapest on, and takes the last that makes enough steps
    /// in the time.
    ///
    /// # Errors
    ///
    /// If the data set holds no pictures that can be read, the size does not fit, or the device does not work.
    pub fn choose(&self) -> Result<Choice, TrainError> {
        if let Some(size) = self.size.filter(|size| !(4..=MOST_SIDE).contains(size)) {
            return Err(refused(format!("--size {size}: it must be from 4 to {MOST_SIDE} pixels")));
        }
        let survey = self.dataset.survey()?;
        let mut reasons = Vec::new();
        let mut note = |line: String| {
            (self.say)(&line);
            reasons.push(line);
        };
        note(describe(&survey));
        if survey.captions && survey.num_classes.is_none() {
            note("the captions are not learnt: text takes two stages, see configs/emoji-ae-kl.toml and configs/emoji-ldm.toml".into());
        }
        if survey.images < MANY {
            note(format!("{} pictures are few: they will be learnt by heart", survey.images));
        }
        let (mut chosen, mut opened) = (None, None);
        for candidate in candidates(&survey, self.fixed_side()) {
            let seconds = self.measure(&survey, candidate, &mut opened)?;
            let (steps, time) = (self.steps(&survey, seconds), clock(self.time));
            let Candidate { side, channels } = candidate;
            note(format!(
                "measured: {side}x{side} pixels with {channels} channels, {seconds:.3} s a step, {steps:.0} steps in {time}"
            ));
            if chosen.is_none() || steps >= ENOUGH_STEPS {
                chosen = Some((candidate, seconds));
            }
            if steps < ENOUGH_STEPS {
                break;
            }
        }
        let Some((candidate, seconds)) = chosen else { return Err(refused("no size fits".into())) };
        let steps = self.steps(&survey, seconds).clamp(1.0, MOST_STEPS) as usize;
        note(self.because(&survey, candidate, steps, seconds));
        let table = self.table(&survey, candidate, steps, self.previews(&survey, seconds).0);
        Ok(Choice { text: self.file(&reasons, &table)?, reasons })
    }

    /// The side that the wishes or the data set say.
    fn fixed_side(&self) -> Option<usize> {
        let images = &self.dataset.images;
        self.size.or(images.reduce_to).or(images.pad_to).or(images.image_size)
    }

    /// How many previews are drawn where a training step takes some seconds, at least the one at the end, and what they take.
    fn previews(&self, survey: &Survey, seconds: f64) -> (usize, f64) {
        // A training step goes forward once and back twice; a guided step of sampling goes forward twice.
        let evaluations =
            PREVIEW.0.div_ceil(BATCH) * PREVIEW.1 * (1 + usize::from(survey.num_classes.is_some()));
        let each = evaluations as f64 * seconds / 3.0;
        let count = (PREVIEWS.1 * self.time.as_secs_f64() / each) as usize;
        let count = count.clamp(1, PREVIEWS.0);
        (count, count as f64 * each)
    }

    /// Training steps beside which the previews fit into the time.
    fn steps(&self, survey: &Survey, seconds: f64) -> f64 {
        let time = self.time.as_secs_f64();
        (0.95 * time - self.previews(survey, seconds).1).max(0.3 * time) / seconds
    }

    fn because(&self, survey: &Survey, candidate: Candidate, steps: usize, seconds: f64) -> String {
        let Candidate { side, channels } = candidate;
        let why = match (self.size, self.steps(survey, seconds) < ENOUGH_STEPS) {
            (_, true) => {
                format!("the cheapest, though {ENOUGH_STEPS} steps would take longer than asked for")
            }
            (Some(_), _) => "the size asked for, with the widest network that makes enough steps".to_owned(),
            (None, _) => format!("the largest that makes {ENOUGH_STEPS} steps or more"),
        };
        let time = steps as f64 * seconds + self.previews(survey, seconds).1;
        let time = clock(Duration::from_secs_f64(time.max(1.0)));
        format!("chosen: {side}x{side} pixels, {channels} channels ({why}), {steps} steps, about {time}")
    }

    /// The seconds of a training step. The opened pictures are kept for the next candidate of the same side.
    fn measure(
        &self,
        survey: &Survey,
        candidate: Candidate,
        opened: &mut Option<(usize, Splits)>,
    ) -> Result<f64, TrainError> {
        let table = self.table(survey, candidate, 1000, 1);
        let draft = DraftConfig::<RunConfig>::of_table("the chosen configuration".into(), table)?;
        let splits = match opened.take() {
            Some((side, splits)) if side == candidate.side => splits,
            _ => draft.dataset.open(true)?,
        };
        *opened = Some((candidate.side, splits.clone()));
        let session = Session::<Objective> {
            run: RunDir::new(Path::new("runs").join("measured")),
            config: draft.resolve(&splits)?,
            splits,
            backend: self.backend,
            device_index: self.device_index,
            resume: None,
            budget: None,
            plain: true,
            interrupter: Interrupter::new(),
        };
        session.step_seconds(TIMED_STEPS)
    }

    /// The configuration without comments.
    fn table(&self, survey: &Survey, candidate: Candidate, steps: usize, previews: usize) -> Table {
        let Candidate { side, channels } = candidate;
        let mut dataset = self.dataset.clone();
        if dataset.images.pad_to.is_none() && dataset.images.reduce_to.is_none() {
            dataset.images.image_size = Some(side);
        }
        if dataset.images.channels.is_none() {
            dataset.images.channels = Some(if survey.grey { Channels::Grey } else { Channels::Rgb });
        }
        let part = |steps: usize, parts: usize| (steps / parts).max(1);
        let levels = levels(side);
        let mut model = Table::new();
        model.insert("channels".into(), integer(channels));
        let mult = (0..levels).map(|level| integer(1 + usize::from(level > 0))).collect();
        model.insert("channel_mult".into(), Value::Array(mult));
        model.insert("num_res_blocks".into(), integer(1));
        model.insert("attention_resolutions".into(), Value::Array(vec![integer(side >> (levels - 1))]));
        let mut train = Table::new();
        for (key, value) in [
            ("steps", steps),
            ("batch_size", survey.images.clamp(1, BATCH)),
            ("warmup_steps", part(steps, 10).min(200)),
            ("eval_every", part(steps, 10)),
            ("eval_images", 256),
            ("checkpoint_every", part(steps, 10)),
            ("sample_every", if previews > 1 { part(steps, previews) } else { 0 }),
            ("sample_images", PREVIEW.0),
        ] {
            train.insert(key.into(), integer(value));
        }
        train.insert("learning_rate".into(), 5e-4.into());
        train.insert("lr_schedule".into(), "cosine".into());
        train.insert("ema_decay".into(), if steps < 2000 { 0.99 } else { 0.999 }.into());
        if survey.num_classes.is_some() {
            train.insert("sample_guidance_scale".into(), 2.0.into());
        }
        let sample = Table::from_iter([
            ("solver".into(), Value::Table(Table::from_iter([("type".into(), "ddim".into())]))),
            ("steps".into(), integer(PREVIEW.1)),
        ]);
        let diffusion = Table::from_iter([
            ("schedule".into(), Value::Table(Table::from_iter([("type".into(), "cosine".into())]))),
            ("parameterization".into(), "v".into()),
        ]);
        let seed = i64::try_from(self.seed).unwrap_or(i64::MAX);
        let dataset = Value::try_from(dataset).unwrap_or_else(|_| Value::Table(Table::new()));
        Table::from_iter([
            ("seed".into(), Value::Integer(seed)),
            ("dataset".into(), dataset),
            ("model".into(), Value::Table(model)),
            ("diffusion".into(), Value::Table(diffusion)),
            ("train".into(), Value::Table(train)),
            ("sample".into(), Value::Table(sample)),
        ])
    }

    /// The configuration as a file, with comments.
    fn file(&self, reasons: &[String], table: &Table) -> Result<String, TrainError> {
        let mut text =
            String::from("# Made by `cargo xtask train` for these pictures and this machine.\n#\n");
        for reason in reasons {
            let _ = writeln!(text, "# {}", reason.replace(['\n', '\r'], " "));
        }
        let _ = writeln!(
            text,
            "#\n# Every key can be changed, here or with `--set`; docs/configuration.md has all of them."
        );
        for key in ["seed", "dataset", "model", "diffusion", "train", "sample"] {
            let Some(value) = table.get(key) else { continue };
            let section = toml::to_string(&Table::from_iter([(key.to_owned(), value.clone())]))
                .map_err(|error| refused(format!("failed to write the chosen configuration: {error}")))?;
            for line in section.lines() {
                let comment = COMMENTS.iter().find(|(of, start, _)| *of == key && line.starts_with(start));
                if let Some((_, _, comment)) = comment {
                    let _ = writeln!(text, "# {comment}");
                }
                let _ = writeln!(text, "{line}");
            }
            text.push('\n');
        }
        Ok(text.trim_end().to_owned() + "\n")
    }
}

/// What stands above the line of a key in the file.
const COMMENTS: [(&str, &str, &str); 6] = [
    ("dataset", "image_size", "The short side in pixels; the middle square is cut out."),
    ("dataset", "flip", "`true` mirrors pictures at random: right for most photographs, wrong for letters."),
    ("dataset", "channels", "\"grey\" or \"rgb\"."),
    ("model", "channels", "Twice as many learn more, in up to four times the time."),
    ("train", "steps", "More steps draw better, as far as there are pictures enough."),
    ("train", "sample_guidance_scale", "How strongly previews are led to their classes; 1 is off."),
];

fn refused(reason: String) -> TrainError {
    TrainError::Config { origin: "own pictures".into(), reason }
}

fn integer(value: usize) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Levels of the network: the side is halved three times at most, while it is above 8 pixels; pictures of 8 pixels are halved once.
fn levels(side: usize) -> usize {
    let is_halved = |&times: &usize| {
        side.is_multiple_of(2 << times)
            && (side >> times > LOWEST_SIDE || (times == 0 && side == LOWEST_SIDE))
    };
    1 + (0..3).take_while(is_halved).count()
}

/// What is tried, from the cheapest on.
fn candidates(survey: &Survey, fixed: Option<usize>) -> Vec<Candidate> {
    let of = |side: usize, channels: &[usize]| -> Vec<Candidate> {
        channels.iter().map(|&channels| Candidate { side, channels }).collect()
    };
    if let Some(side) = fixed {
        return of(side, &[16, 32, 64]);
    }
    let least = survey.sides.0;
    let mut sides: Vec<usize> = SIDES.into_iter().filter(|&side| side <= least).collect();
    if survey.uniform && least <= SIDES[0] && !sides.contains(&least) && least.is_multiple_of(4) {
        sides.insert(0, least);
    }
    if sides.is_empty() {
        sides.push(least.max(4));
    }
    sides.truncate(2);
    sides.iter().rev().flat_map(|&side| of(side, &[32, 64])).collect()
}

fn describe(survey: &Survey) -> String {
    let Survey { images, num_classes, class_names, sides: (least, most), .. } = survey;
    let names = class_names.as_deref().unwrap_or_default();
    let classes = match num_classes {
        None => "no classes".to_owned(),
        Some(count) if names.is_empty() || names.len() > 12 => format!("{count} classes"),
        Some(count) => format!("{count} classes ({})", names.join(", ")),
    };
    let captions = if survey.captions { ", with captions" } else { "" };
    let sides = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    let colours = if survey.grey { "grey" } else { "in colour" };
    format!("seen: {images} pictures{captions}, {classes}, sides of {sides} pixels, {colours}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(side: usize) -> Survey {
        Survey {
            images: 100,
            num_classes: Some(2),
            class_names: Some(vec!["a".into(), "b".into()]),
            captions: false,
            sides: (side, side),
            uniform: true,
            grey: true,
        }
    }

    fn wishes(time: u64, say: &dyn Fn(&str)) -> Wishes<'_> {
        Wishes {
            dataset: DatasetConfig::default(),
            size: None,
            time: Duration::from_secs(time),
            backend: BackendName::Flex,
            device_index: 0,
            seed: 3,
            say,
        }
    }

    #[test]
    fn sizes_are_those_that_the_pictures_have() {
        let sides = |side: usize, fixed| {
            let mut sides: Vec<usize> = candidates(&survey(side), fixed).iter().map(|it| it.side).collect();
            sides.dedup();
            sides
        };
        assert_eq!(sides(8, None), [8]);
        assert_eq!(sides(28, None), [16, 28]);
        assert_eq!(sides(500, None), [32, 64]);
        assert_eq!(sides(500, Some(48)), [48]);
        assert_eq!(sides(3, None), [4]);
        assert_eq!([4, 7, 8, 28, 30, 32, 64, 33].map(levels), [1, 1, 2, 3, 2, 3, 4, 1]);
    }

    /// Whatever the side, the file is one that trains.
    #[test]
    fn every_choice_is_a_valid_configuration() {
        let say = |_: &str| {};
        let wishes = wishes(60, &say);
        for side in [4, 7, 8, 28, 30, 32, 48, 64] {
            let table = wishes.table(&survey(side), Candidate { side, channels: 32 }, 500, 5);
            let text = wishes.file(&["why".into()], &table).unwrap();
            assert!(text.contains("\n# why\n") && text.contains("# `true` mirrors"), "{text}");
            assert_eq!(text.matches("# Twice as many").count(), 1, "{text}");
            let table: Table = toml::from_str(&text).unwrap();
            let draft = DraftConfig::<RunConfig>::of_table("test".into(), table).unwrap();
            let splits = draft.dataset.open(false).unwrap();
            let config = draft.resolve(&splits).unwrap();
            assert_eq!((config.model.image_size, config.seed, config.train.steps), (side, 3, 500));
        }
    }

    #[test]
    fn more_time_makes_more_steps() {
        let say = |_: &str| {};
        let of = |time| {
            (wishes(time, &say).steps(&survey(8), 0.1), wishes(time, &say).previews(&survey(8), 0.1).0)
        };
        let ((short, few), (long, many)) = (of(60), of(600));
        assert_eq!((few, many), (1, 5));
        assert!((180.0..600.0).contains(&short) && (4000.0..6000.0).contains(&long), "{short} {long}");
    }

    #[test]
    fn a_size_out_of_bounds_is_refused() {
        let say = |_: &str| {};
        for size in [0, 3, 513] {
            let error = Wishes { size: Some(size), ..wishes(60, &say) }.choose().unwrap_err().to_string();
            assert!(error.contains("it must be from 4 to 512 pixels"), "{error}");
        }
    }
}

//! A configuration for somebody's own pictures, chosen for this machine by a short measurement.

use std::path::Path;
use std::time::Duration;

use backend::BackendName;
use burn::train::Interrupter;
use data::{DatasetConfig, Splits, Survey};

use crate::chosen_config::{ChosenConfig, PREVIEW_IMAGES, PREVIEW_STEPS, commented};
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
/// Previews of a run at most, and the share of the time that they may take.
const PREVIEWS: (usize, f64) = (5, 0.2);
/// Sides of pictures to choose from.
const SIDES: [usize; 4] = [64, 32, 16, 8];
/// The largest side that is trained on.
const MOST_SIDE: usize = 512;
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

/// A candidate, and the seconds that a training step of it takes.
#[derive(Clone, Copy, Debug)]
struct Measured {
    candidate: Candidate,
    seconds: f64,
}

impl Candidate {
    /// Images in a batch: fewer of those that are larger than 64 pixels, for the memory.
    fn batch(self) -> usize {
        let share = SIDES[0] as f64 / self.side.max(SIDES[0]) as f64;
        ((BATCH as f64 * share.powi(2)) as usize).max(1)
    }
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
        if self.size.is_some() && self.dataset.images.pad_to.or(self.dataset.images.reduce_to).is_some() {
            return Err(refused("--size: [dataset] says pad_to or reduce_to: leave one of them out".into()));
        }
        let survey = self.dataset.survey()?;
        let mut reasons = Vec::new();
        let mut note = |line: String| {
            (self.say)(&line);
            reasons.push(line);
        };
        remarks(&survey).into_iter().for_each(&mut note);
        let (mut chosen, mut opened) = (None, None);
        for candidate in candidates(&survey, self.fixed_side()) {
            let seconds = self.measure(&survey, candidate, &mut opened)?;
            let measured = Measured { candidate, seconds };
            let (steps, time) = (self.steps(&survey, measured), clock(self.time));
            let Candidate { side, channels } = candidate;
            note(format!(
                "measured: {side}x{side} pixels with {channels} channels, {seconds:.3} s a step, {steps:.0} steps in {time}"
            ));
            if chosen.is_none() || steps >= ENOUGH_STEPS {
                chosen = Some(measured);
            }
            if steps < ENOUGH_STEPS {
                break;
            }
        }
        let Some(measured) = chosen else { return Err(refused("no size fits".into())) };
        let steps = self.steps(&survey, measured).clamp(1.0, MOST_STEPS) as usize;
        note(self.because(&survey, measured, steps));
        let previews = self.previews(&survey, measured).0;
        let table = self.config(&survey, measured.candidate, steps, previews).table();
        Ok(Choice { text: commented(&reasons, &table)?, reasons })
    }

    fn config<'a>(
        &'a self,
        survey: &'a Survey,
        candidate: Candidate,
        steps: usize,
        previews: usize,
    ) -> ChosenConfig<'a> {
        let Candidate { side, channels } = candidate;
        let (dataset, seed, batch_size) = (&self.dataset, self.seed, candidate.batch());
        ChosenConfig { dataset, survey, seed, side, channels, batch_size, steps, previews }
    }

    /// The side that the wishes or the data set say.
    fn fixed_side(&self) -> Option<usize> {
        let images = &self.dataset.images;
        self.size.or(images.reduce_to).or(images.pad_to).or(images.image_size)
    }

    /// How many previews are drawn, at least the one at the end, and the seconds that they take.
    fn previews(&self, survey: &Survey, measured: Measured) -> (usize, f64) {
        // A training step goes forward once and back twice; a guided step of sampling goes forward twice.
        let guided = 1 + usize::from(survey.num_classes.is_some());
        let evaluations = PREVIEW_IMAGES.div_ceil(measured.candidate.batch()) * PREVIEW_STEPS * guided;
        let each = evaluations as f64 * measured.seconds / 3.0;
        let count = (PREVIEWS.1 * self.time.as_secs_f64() / each) as usize;
        let count = count.clamp(1, PREVIEWS.0);
        (count, count as f64 * each)
    }

    /// Training steps beside which the previews fit into the time.
    fn steps(&self, survey: &Survey, measured: Measured) -> f64 {
        let time = self.time.as_secs_f64();
        (0.95 * time - self.previews(survey, measured).1).max(0.3 * time) / measured.seconds
    }

    fn because(&self, survey: &Survey, measured: Measured, steps: usize) -> String {
        let Candidate { side, channels } = measured.candidate;
        let why = match (self.fixed_side(), self.steps(survey, measured) < ENOUGH_STEPS) {
            (_, true) => {
                format!("the cheapest, though {ENOUGH_STEPS} steps would take longer than asked for")
            }
            (Some(_), _) => "the size asked for, with the widest network that makes enough steps".to_owned(),
            (None, _) => format!("the largest that makes {ENOUGH_STEPS} steps or more"),
        };
        let time = steps as f64 * measured.seconds + self.previews(survey, measured).1;
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
        let table = self.config(survey, candidate, 1000, 1).table();
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
}

fn refused(reason: String) -> TrainError {
    TrainError::Config { origin: "own pictures".into(), reason }
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

/// What is to be known of the pictures.
fn remarks(survey: &Survey) -> Vec<String> {
    let mut remarks = vec![describe(survey)];
    if survey.captions && survey.num_classes.is_none() {
        let text = "the captions are not learnt: text takes two stages, see configs/emoji-ae-kl.toml and configs/emoji-ldm.toml";
        remarks.push(text.into());
    }
    if survey.images < MANY {
        remarks.push(format!("{} pictures are few: they will be learnt by heart", survey.images));
    }
    remarks
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
        assert_eq!([8, 64, 128, 512].map(|side| Candidate { side, channels: 32 }.batch()), [32, 32, 8, 1]);
    }

    #[test]
    fn more_time_makes_more_steps() {
        let say = |_: &str| {};
        let measured = Measured { candidate: Candidate { side: 8, channels: 32 }, seconds: 0.1 };
        let of = |time| {
            let wishes = wishes(time, &say);
            (wishes.steps(&survey(8), measured), wishes.previews(&survey(8), measured).0)
        };
        let ((short, few), (long, many)) = (of(60), of(600));
        assert_eq!((few, many), (1, 5));
        // A preview takes 6.7 s: 2 batches in 50 guided steps of a third of 0.1 s, twice.
        assert!((500.0..506.0).contains(&short) && (5364.0..5370.0).contains(&long), "{short} {long}");
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

//! What can be measured: one file and one arm each.

mod cas;
mod classes;
mod density_coverage;
mod fd;
mod fid;
mod kd;
mod memorisation;
mod mmd;
mod nll;
mod nll_exact;
mod precision_recall;

use anyhow::Result;
use clap::ValueEnum;

use crate::bench::Bench;
use crate::judge::Judge;
use crate::outcome::Outcome;
use crate::subject::Subject;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Metric {
    /// Frechet distance of the in-house classifier's features.
    Fd,
    /// Kernel distance of the same features.
    Kd,
    /// Precision and recall in these features.
    Pr,
    /// Density and coverage in these features.
    Dc,
    /// How often each class is drawn.
    Classes,
    /// Accuracy on real images of a classifier that is trained on the samples.
    Cas,
    /// Whether samples are nearer to training images than test images are.
    Memorisation,
    /// Maximum mean discrepancy of pixels, with a p-value.
    Mmd,
    /// Frechet Inception distance; needs --inception.
    Fid,
    /// Variational bound on the negative log-likelihood of test images, over the whole chain.
    Nll,
    /// Exact likelihood of the probability-flow ODE.
    #[value(name = "nll_exact")]
    NllExact,
}

/// Which real images a metric is also measured on, so that its figures mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum References {
    /// None.
    None,
    /// The test images, and one half of the training images against the other.
    Floors,
    /// These, and one half with ever more damage.
    Ladder,
}

impl Metric {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fd => "fd",
            Self::Kd => "kd",
            Self::Pr => "pr",
            Self::Dc => "dc",
            Self::Classes => "classes",
            Self::Cas => "cas",
            Self::Memorisation => "memorisation",
            Self::Mmd => "mmd",
            Self::Fid => "fid",
            Self::Nll => "nll",
            Self::NllExact => "nll_exact",
        }
    }

    /// Measures.
    ///
    /// # Errors
    ///
    /// If the device fails, or there are too few images.
    pub fn measure(self, bench: &Bench, subject: &Subject) -> Result<Outcome> {
        match self {
            Self::Fd => fd::measure(bench, subject),
            Self::Kd => kd::measure(bench, subject),
            Self::Pr => precision_recall::measure(bench, subject),
            Self::Dc => density_coverage::measure(bench, subject),
            Self::Classes => classes::measure(bench, subject),
            Self::Cas => cas::measure(bench, subject),
            Self::Memorisation => memorisation::measure(bench, subject),
            Self::Mmd => mmd::measure(subject),
            Self::Fid => fid::measure(bench, subject),
            Self::Nll => nll::measure(bench, subject),
            Self::NllExact => nll_exact::measure(bench, subject),
        }
    }

    /// Whether it looks at images that are drawn, rather than at the model.
    pub fn needs_images(self) -> bool {
        !matches!(self, Self::Nll | Self::NllExact)
    }

    /// Which real images it is measured on too.
    pub fn references(self) -> References {
        match self {
            Self::Fd | Self::Kd | Self::Pr | Self::Dc | Self::Classes => References::Ladder,
            Self::Mmd | Self::Fid => References::Floors,
            Self::Cas | Self::Memorisation | Self::Nll | Self::NllExact => References::None,
        }
    }

    /// The network that it asks.
    pub fn judge(self) -> Option<Judge> {
        match self {
            Self::Fd | Self::Kd | Self::Pr | Self::Dc | Self::Classes | Self::Cas => Some(Judge::InHouse),
            Self::Fid => Some(Judge::Inception),
            Self::Memorisation | Self::Mmd | Self::Nll | Self::NllExact => None,
        }
    }

    /// Images that it needs of each of two sets at least.
    fn least_images(self) -> usize {
        match self {
            Self::Fd | Self::Fid | Self::Kd | Self::Mmd => 2,
            Self::Pr => precision_recall::NEIGHBOUR + 1,
            Self::Dc => density_coverage::NEIGHBOUR + 1,
            Self::Classes | Self::Cas | Self::Memorisation | Self::Nll | Self::NllExact => 1,
        }
    }

    /// Whether so many images of the smaller of two sets are enough.
    pub fn suffices(self, images: usize) -> bool {
        images >= self.least_images()
    }

    /// Why there are too few images: drawn ones, or in the smaller half of the training images where that is its floor.
    fn lacks_images(self, bench: &Bench) -> Option<String> {
        let (least, samples, train) = (self.least_images(), bench.samples, bench.train.len());
        if self.needs_images() && !self.suffices(samples) {
            return Some(format!("it needs {least} images: raise --samples, which is {samples}"));
        }
        let (parts, what) = match self.references() {
            References::None => (1, "there are"),
            References::Floors | References::Ladder => (2, "the smaller half of the training images has"),
        };
        let there = train / parts;
        (!self.suffices(there)).then(|| {
            format!(
                "it needs {least} images, and {what} {there}: use a data set of {} training images at least",
                parts * least
            )
        })
    }

    /// Why it is not measured on test images, where there are some.
    pub fn lacks_test_images(self, bench: &Bench) -> Option<String> {
        let (least, test) = (self.least_images(), bench.test.len());
        let lacks = self.references() != References::None && test > 1 && !self.suffices(test);
        lacks.then(|| format!("it needs {least}, and there are {test}: raise dataset.valid_fraction"))
    }

    /// Why it cannot be measured on a bench, and what mends that.
    pub fn obstacle(self, bench: &Bench) -> Option<String> {
        self.missing(bench).map(str::to_owned).or_else(|| self.lacks_images(bench))
    }

    fn missing(self, bench: &Bench) -> Option<&'static str> {
        let unlabelled = bench.num_classes.is_none();
        match self {
            _ if self.needs_images() && bench.shown.is_some() => {
                Some("a super-resolution stage draws from images: give the cascade and --sweep s")
            }
            Self::Nll | Self::NllExact if bench.latent => {
                Some("a model of latents has no likelihood of pixels")
            }
            Self::Fid if !bench.has_inception() => Some("it needs --inception FILE, pytorch-fid's weights"),
            Self::Classes | Self::Cas if unlabelled => Some("it needs labels, and this data set has none"),
            Self::Cas if !bench.conditional() => Some("it needs a model of classes"),
            Self::Cas | Self::Memorisation | Self::Nll | Self::NllExact if bench.test.len() < 2 => {
                Some("it needs test images: set dataset.valid_fraction")
            }
            Self::Nll | Self::NllExact if bench.config.schedule().is_err() => {
                Some("it is measured along a chain of timesteps, which this schedule has none of")
            }
            _ => None,
        }
    }

    /// What its outcomes depend on beside the subject.
    pub(crate) fn depends_on(self, bench: &Bench) -> Result<String> {
        Ok(match self.judge() {
            Some(Judge::InHouse) => bench.classifier_key()?,
            Some(Judge::Inception) => bench.inception_hash().to_owned(),
            None if self == Self::Nll => bench.likelihoods.to_string(),
            // The images of a batch take the same steps.
            None if self == Self::NllExact => {
                format!("{} to {}, {} a batch", bench.likelihoods, bench.tolerance, bench.batch)
            }
            None => String::new(),
        })
    }
}

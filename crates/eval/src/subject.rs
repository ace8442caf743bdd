use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Result;

use crate::bench::Bench;
use crate::images::Images;
use crate::keyed::{kept, key};
use crate::metric::Metric;
use crate::model::Model;
use crate::outcome::Outcome;

/// What is judged: a model and what it drew from one seed, or real images that say what a figure means.
pub struct Subject<'a> {
    /// The column of the table that it belongs to.
    pub name: String,
    /// The seed of everything random.
    pub seed: u64,
    /// What its images are compared with.
    pub real: Rc<Images>,
    /// Its images; none where no metric that was chosen needs any.
    pub images: Option<Rc<Images>>,
    /// The model; none for real images.
    pub model: Option<&'a Model>,
    /// Where its outcomes are kept.
    pub folder: PathBuf,
}

impl Subject<'_> {
    /// Measures, unless that has been done before.
    ///
    /// # Errors
    ///
    /// What the metric says.
    pub fn judge(&self, bench: &Bench, metric: Metric) -> Result<Outcome> {
        let images = self.images.as_ref().map(|images| images.len());
        let depends = (metric.name(), images, self.real.len(), metric.depends_on(bench)?);
        let file = self.folder.join(format!("{}-{}.json", metric.name(), key(&depends)?));
        kept(&file, || metric.measure(bench, self))
    }

    /// Images of the smaller of its own set and that which it is compared with.
    pub fn smaller_set(&self) -> usize {
        self.images.as_ref().map_or(usize::MAX, |images| images.len()).min(self.real.len())
    }

    /// Its images.
    ///
    /// # Errors
    ///
    /// If there are none, which is a fault of this program.
    pub fn images(&self) -> Result<&Images> {
        self.images.as_deref().ok_or_else(|| anyhow::anyhow!("{} has no images", self.name))
    }
}

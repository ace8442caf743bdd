use std::fmt::Debug;
use std::sync::Arc;

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::prelude::*;
use data::{DataError, Prefetch};

/// A batch on the host, before it is uploaded.
pub trait HostStep: Clone + Send + Sync + 'static {
    /// On the device.
    type Batch: Clone + Debug + Send + 'static;

    /// Uploads it.
    fn upload(self, device: &Device) -> Self::Batch;
}

/// Makes batch `i`, a pure function of `i`.
pub type Prepare<H> = Arc<dyn Fn(u64) -> Result<H, DataError> + Send + Sync>;

/// Training batches from one on, so that a resumed run sees what an uninterrupted one sees. Worker threads prepare them
/// ahead.
pub struct TrainLoader<H> {
    /// Makes them.
    pub prepare: Prepare<H>,
    /// The first batch.
    pub start: u64,
    /// How many.
    pub count: usize,
    /// Threads that prepare them.
    pub workers: usize,
    /// Where they go.
    pub device: Device,
}

impl<H> TrainLoader<H> {
    fn same(&self) -> Self {
        Self { prepare: self.prepare.clone(), device: self.device.clone(), ..*self }
    }
}

impl<H: HostStep> DataLoader<H::Batch> for TrainLoader<H> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<H::Batch> + 'a> {
        let prepared = Prefetch::new(self.workers, self.start, self.prepare.clone());
        let host = Box::new(prepared.take(self.count));
        Box::new(Uploads { host, device: &self.device, done: 0, total: self.count })
    }

    fn num_items(&self) -> usize {
        self.count
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<H::Batch>> {
        Arc::new(Self { device: device.clone(), ..self.same() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<H::Batch>> {
        Arc::new(Self { start: self.start + start as u64, count: end - start, ..self.same() })
    }
}

/// The validation batches, always the same.
#[derive(Clone)]
pub struct ValidLoader<H> {
    steps: Arc<Vec<H>>,
    device: Device,
}

impl<H> ValidLoader<H> {
    /// Batches that go to `device`.
    pub fn new(steps: Vec<H>, device: &Device) -> Self {
        Self { steps: Arc::new(steps), device: device.clone() }
    }
}

impl<H: HostStep> DataLoader<H::Batch> for ValidLoader<H> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<H::Batch> + 'a> {
        let host = Box::new(self.steps.iter().cloned().map(Ok));
        Box::new(Uploads { host, device: &self.device, done: 0, total: self.steps.len() })
    }

    fn num_items(&self) -> usize {
        self.steps.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<H::Batch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<H::Batch>> {
        Arc::new(Self { steps: Arc::new(self.steps[start..end].to_vec()), ..self.clone() })
    }
}

struct Uploads<'a, H> {
    host: Box<dyn Iterator<Item = Result<H, DataError>> + 'a>,
    device: &'a Device,
    done: usize,
    total: usize,
}

impl<H: HostStep> Iterator for Uploads<'_, H> {
    type Item = Result<H::Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.host.next()?;
        self.done += 1;
        Some(step.map(|step| step.upload(self.device)).map_err(DatasetError::new))
    }
}

impl<H: HostStep> DataLoaderIterator<H::Batch> for Uploads<'_, H> {
    fn progress(&self) -> Progress {
        Progress::new(self.done, self.total, Some("steps".into()))
    }
}

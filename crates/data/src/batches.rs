//! Training batches as a function of (seed, step).

use std::sync::{Arc, Mutex, PoisonError};

use random::Seed;

use crate::error::DataError;
use crate::set::ImageSet;

/// Images and their classes, in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct HostBatch {
    /// `[B, C, H, W]`, in [-1, 1].
    pub pixels: Vec<f32>,
    /// `[B]`, where the set has classes.
    pub labels: Option<Vec<usize>>,
    /// `[B, C, H, W]`.
    pub shape: [usize; 4],
}

/// The batches of an endless walk through a set.
///
/// Each epoch is a permutation of the set of its own; batches run on across the ends of epochs, so that each is
/// full. A batch depends on the seed and the step alone: steps can be asked for in any order, by any thread.
#[derive(Debug)]
pub struct Batches {
    set: Arc<ImageSet>,
    batch_size: usize,
    seed: Seed,
    /// The permutations of the epochs last used, newest last.
    orders: Mutex<Vec<(u64, Arc<Vec<usize>>)>>,
}

/// A batch of ordinary size touches two epochs, and workers ahead of it one more.
const ORDERS_KEPT: usize = 3;

impl Batches {
    /// Batches of `batch_size` images of `set`, mirrored at random if its configuration says `flip`.
    ///
    /// # Errors
    ///
    /// If the set is empty or `batch_size` is 0.
    pub fn new(set: Arc<ImageSet>, batch_size: usize, seed: Seed) -> Result<Self, DataError> {
        if set.is_empty() {
            let path = "the data set".into();
            return Err(DataError::Empty { path, expected: "at least one image to make batches of" });
        }
        if batch_size == 0 {
            return Err(DataError::Config { key: "batch_size", reason: "0 images make no batch".into() });
        }
        Ok(Self { set, batch_size, seed, orders: Mutex::new(Vec::new()) })
    }

    /// The batch of `step`, counted from 0.
    ///
    /// # Errors
    ///
    /// When a file has changed since the set was opened.
    pub fn batch(&self, step: u64) -> Result<HostBatch, DataError> {
        let mut flips = self.seed.stream("data/flip", step);
        let flip = self.set.flip();
        self.set.batch(&self.indices(step), |_| flip && flips.chance(0.5))
    }

    /// The numbers of the images in the batch of `step`.
    pub fn indices(&self, step: u64) -> Vec<usize> {
        let (size, epoch_len) = (self.batch_size as u64, self.set.len() as u64);
        let mut indices = Vec::with_capacity(self.batch_size);
        let mut position = step * size;
        while indices.len() < self.batch_size {
            let order = self.order(position / epoch_len);
            let start = (position % epoch_len) as usize;
            let take = (self.batch_size - indices.len()).min(order.len() - start);
            indices.extend_from_slice(&order[start..start + take]);
            position += take as u64;
        }
        indices
    }

    fn order(&self, epoch: u64) -> Arc<Vec<usize>> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, order)) = orders.iter().find(|(e, _)| *e == epoch) {
            return order.clone();
        }
        let order = Arc::new(self.seed.stream("data/shuffle", epoch).permutation(self.set.len()));
        if orders.len() == ORDERS_KEPT {
            orders.remove(0);
        }
        orders.push((epoch, order.clone()));
        order
    }
}

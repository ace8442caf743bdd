use anyhow::{Context, Result};
use metrics::Features;

use crate::bench::Bench;
use crate::images::Images;
use crate::progress::Progress;

/// The network whose features are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// The small classifier that this tool trains.
    InHouse,
    /// Inception, with weights that the user supplies.
    Inception,
}

impl Judge {
    /// What the network says of each image; asked once.
    ///
    /// # Errors
    ///
    /// If the network cannot be had, or says what is no number.
    pub fn features<'a>(self, bench: &Bench, images: &'a Images) -> Result<&'a Features> {
        let known = &images.known[self as usize];
        if let Some(features) = known.get() {
            return Ok(features);
        }
        let (name, batch) = match self {
            Self::InHouse => ("in-house features", 500),
            Self::Inception => ("Inception's features", 16),
        };
        let mut progress = Progress::new(name, 0, images.len());
        let indices: Vec<usize> = (0..images.len()).collect();
        let (mut values, mut width) = (Vec::new(), 1);
        for block in indices.chunks(batch) {
            let x = images.upload(block, &bench.device);
            let features = match self {
                Self::InHouse => bench.classifier()?.network.features(x),
                Self::Inception => bench.inception()?.features(x),
            };
            width = features.dims()[1];
            values.extend(
                features.try_into_vec_as::<f32>().context("failed to read features from the device")?,
            );
            progress.advance(block.len());
        }
        let features = Features::new(values, width)?;
        Ok(known.get_or_init(|| features))
    }
}

use std::f64::consts::{E, LN_2, TAU};
use std::ops::ControlFlow;

use burn::prelude::*;
use data::ImageSet;
use diffusion::ImageNoise;
use diffusion::likelihood::VariationalBound;
use random::Seed;

use super::model::TrainedPoints;
use crate::error::TrainError;
use crate::state_bounds::StateBounds;

/// The variational bound of the first `count` points of a set in the scale of the model, as a lower bound on their
/// log-likelihoods, so that it stands beside the K of 2015: every step of the chain included, each point with its own noise.
/// The points come along.
///
/// # Errors
///
/// If the data cannot be read or the device fails.
pub(super) fn point_bounds(
    trained: &TrainedPoints,
    bound: &VariationalBound,
    set: &ImageSet,
    count: usize,
) -> Result<(Vec<f32>, StateBounds), TrainError> {
    let (model, count) = (&trained.model, count.min(set.len()));
    let numbers: Vec<usize> = (0..count).collect();
    let points = set.fixed(&numbers)?.pixels;
    let values = trained.values();
    let x0 = TensorData::new(points.clone(), [count, values, 1, 1]);
    let x0 = Tensor::<4>::from_data(x0, &model.device);
    let seed = Seed(trained.config.seed).derive("bound/noise", 0);
    let mut noise = ImageNoise::new(seed, 0..count as u64, model.image_shape, &model.device);
    let denoiser = model.unclipped(None);
    let found =
        bound.evaluate(denoiser.as_ref(), x0, &mut || noise.draw(), &mut |_| ControlFlow::Continue(()))?;
    let values = values as f64;
    let bits = found.totals().into_iter().map(|bits_per_dim| -bits_per_dim * values).collect();
    let null_bits = -0.5 * (TAU * E).ln() / LN_2 * values;
    Ok((points, StateBounds { bits, null_bits }))
}

use std::ops::ControlFlow;

use burn::prelude::*;
use data::Picture;
use diffusion::{DiffusionError, ImageNoise, SamplerConfig, Step, sample};
use schedules::{NoiseLevel, Posterior};

use super::model::TrainedPoints;
use crate::diagrams::{Rows, arrow_states, places, scatter_picture, sigmas};
use crate::error::TrainError;

/// Points on their way from noise to data.
#[derive(Debug, Default)]
pub struct PointWalk {
    /// The states at the beginning and after each step, one point after the other.
    pub states: Vec<Vec<f32>>,
    /// Standard deviation of their noise.
    pub sigmas: Vec<f64>,
}

impl PointWalk {
    /// Draws points `0..count` of a seed by a sampler; `observer` may break it off.
    ///
    /// # Errors
    ///
    /// If sampling fails or is broken off.
    pub fn draw(
        trained: &TrainedPoints,
        sampler: &SamplerConfig,
        seed: u64,
        count: usize,
        observer: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Self, TrainError> {
        let model = &trained.model;
        let levels = sampler.levels(&model.curve).map_err(DiffusionError::from)?;
        let mut noise = ImageNoise::new(seed, 0..count as u64, model.image_shape, &model.device);
        let first = noise.draw();
        let mut states = vec![first.clone()];
        let mut watch = |step: Step| {
            states.push(step.x.clone());
            observer()
        };
        let denoiser = model.denoiser(None, 1.0);
        let mut solver = sampler.solver.init(&model.curve);
        sample(denoiser.as_ref(), solver.as_mut(), &levels, first, &mut || noise.draw(), &mut watch)?;
        Ok(Self {
            states: states.into_iter().map(read).collect::<Result<_, _>>()?,
            sigmas: levels.iter().map(|level| level.sigma).collect(),
        })
    }

    /// The walk as diagrams, `most` of them at most, from noise to data.
    pub fn frames(&self, values: usize, most: usize) -> Vec<Picture> {
        let stride = self.states.len().div_ceil(most).max(1);
        let last = self.states.len() - 1;
        let shown = (0..last).step_by(stride).chain([last]);
        shown.map(|i| scatter_picture(&self.states[i], values)).collect()
    }
}

/// The three rows of the first figure of 2015, from data on the left to noise on the right: the data as the chain noises
/// them, points of a walk on their way back, and the drift `E x_{t-1} - x_t` of the chain, each diagram in its own scale.
///
/// # Errors
///
/// If the data cannot be read or the device fails.
pub fn draw_points(trained: &TrainedPoints, walk: &PointWalk, seed: u64) -> Result<Picture, TrainError> {
    let steps = places(&sigmas(&trained.chain));
    let rising: Vec<f64> = walk.sigmas.iter().rev().copied().collect();
    let last = walk.states.len() - 1;
    let count = walk.states[last].len() / trained.values();
    let rows = Rows {
        size: trained.values(),
        data: forward(trained, seed, count, &steps)?,
        samples: places(&rising).map(|place| walk.states[last - place].clone()).to_vec(),
        drifts: steps.iter().map(|&t| drift(trained, t.max(2))).collect::<Result<_, _>>()?,
    };
    Ok(rows.draw())
}

/// The level after `t` steps of the chain.
fn level(trained: &TrainedPoints, t: usize) -> NoiseLevel {
    if t == 0 { NoiseLevel::CLEAN } else { trained.chain.level(t - 1) }
}

/// The first points of the data after some steps of the chain.
fn forward(
    trained: &TrainedPoints,
    seed: u64,
    count: usize,
    steps: &[usize],
) -> Result<Vec<Vec<f32>>, TrainError> {
    let set = trained.config.scaled(&trained.config.dataset.open(false)?.train);
    let numbers: Vec<usize> = (0..count.min(set.len())).collect();
    let points = set.fixed(&numbers)?.pixels;
    let model = &trained.model;
    let x0 = Tensor::<4>::from_data(
        TensorData::new(points, [numbers.len(), trained.values(), 1, 1]),
        &model.device,
    );
    let mut noise = ImageNoise::new(seed, 0..numbers.len() as u64, model.image_shape, &model.device);
    let at = |&t: &usize| {
        let NoiseLevel { alpha, sigma } = level(trained, t);
        read(x0.clone() * alpha + noise.draw() * sigma)
    };
    steps.iter().map(at).collect()
}

/// How far the step of the chain back from `t` moves states on a grid.
fn drift(trained: &TrainedPoints, t: usize) -> Result<Vec<f32>, TrainError> {
    let states = arrow_states(trained.values());
    let shape = [states.len() / trained.values(), trained.values(), 1, 1];
    let x = Tensor::<4>::from_data(TensorData::new(states, shape), &trained.model.device);
    let x0 = trained.model.denoiser(None, 1.0).denoise(x.clone(), level(trained, t))?.x0;
    let posterior = Posterior::between(level(trained, t), level(trained, t - 1));
    read(x0 * posterior.x0_coefficient + x.clone() * posterior.x_coefficient - x)
}

fn read(x: Tensor<4>) -> Result<Vec<f32>, TrainError> {
    x.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))
}

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use burn::prelude::*;
use data::{Grid, Picture};
use dpm::Reverse;

use super::model::TrainedDpm;
use super::noise::StateNoise;
use crate::diagrams::{Rows, arrow_states, places, scatter_picture, sigmas};
use crate::error::TrainError;

/// The preview of a run: three rows for points, else samples.
///
/// # Errors
///
/// If sampling fails.
pub fn draw_preview(model: &TrainedDpm) -> Result<Picture, TrainError> {
    let count = model.config.train.sample_images;
    if let [(2..), 1, 1] = model.shape {
        return trajectories(model, model.config.seed, count);
    }
    let mut noise = StateNoise::new(model, model.config.seed, 0..count as u64);
    let states = model.net.sample(&mut || noise.draw(), None, &mut |_| ControlFlow::Continue(()));
    Ok(draw_states(model, &model.data(states?)?))
}

/// Samples as a picture: images in a grid, sequences of bits below each other, points in a diagram.
///
/// `data` holds values of the model's shape, one sample after the other.
pub fn draw_states(model: &TrainedDpm, data: &[f32]) -> Picture {
    let shape @ [channels, height, width] = model.shape;
    let samples = data.len() / (channels * height * width);
    match shape {
        [1, 1, _] => {
            let bits: Vec<f32> = data.iter().map(|bit| 1.0 - 2.0 * bit).collect();
            Grid { columns: 1, scale: 10, gap: 1 }.draw(&bits, [1, samples, width])
        }
        [1 | 3, (2..), (2..)] => Grid::square(samples, shape).draw(data, shape),
        _ => {
            let mut values = data.to_vec();
            if let Some(standardize) = &model.config.standardize {
                standardize.apply(&mut values, height * width, || 0.5);
            }
            scatter_picture(&values, channels * height * width)
        }
    }
}

/// The three rows of the paper's first figure, from data on the left to noise on the right: the data as the chain noises
/// them, the model's samples on their way back, and the drift `E x^{t-1} - x^t`, each diagram in its own scale.
///
/// # Errors
///
/// If the data cannot be read or sampling fails.
pub fn trajectories(model: &TrainedDpm, seed: u64, count: usize) -> Result<Picture, TrainError> {
    let places = places(&sigmas(model.net.chain().schedule()));
    let rows = Rows {
        size: model.shape.iter().product(),
        data: forward(model, seed, count, &places)?,
        samples: backward(model, seed, count, &places)?,
        drifts: places.iter().map(|&t| drift(model, t.max(2))).collect::<Result<_, _>>()?,
    };
    Ok(rows.draw())
}

/// The first points of the data at some steps.
fn forward(
    model: &TrainedDpm,
    seed: u64,
    count: usize,
    places: &[usize],
) -> Result<Vec<Vec<f32>>, TrainError> {
    let set = model.config.dataset.open(false)?.train;
    let numbers: Vec<usize> = (0..count.min(set.len())).collect();
    let mut values = set.fixed(&numbers)?.pixels;
    if let Some(standardize) = &model.config.standardize {
        standardize.apply(&mut values, 1, || 0.5);
    }
    let shape = [1, numbers.len(), model.shape.iter().product()];
    let x0 = Tensor::<3>::from_data(TensorData::new(values, shape), &model.device);
    let at = |&t: &usize| {
        if t == 0 {
            return read(x0.clone());
        }
        let noise = StateNoise::new(model, seed, 0..numbers.len() as u64).draw();
        read(model.net.steps(&[t], &model.device).marginal(x0.clone()).draw(noise))
    };
    places.iter().map(at).collect()
}

/// Samples at some steps.
fn backward(
    model: &TrainedDpm,
    seed: u64,
    count: usize,
    places: &[usize],
) -> Result<Vec<Vec<f32>>, TrainError> {
    let mut noise = StateNoise::new(model, seed, 0..count as u64);
    let first = StateNoise::new(model, seed, 0..count as u64).draw();
    let mut states = BTreeMap::from([(model.net.chain().length(), first)]);
    let mut observer = |step: dpm::Sampled| {
        if places.contains(&step.t) {
            states.insert(step.t, step.x.clone());
        }
        ControlFlow::Continue(())
    };
    model.net.sample(&mut || noise.draw(), None, &mut observer)?;
    places.iter().map(|t| read(states[t].clone())).collect()
}

fn drift(model: &TrainedDpm, t: usize) -> Result<Vec<f32>, TrainError> {
    let size = model.shape.iter().product();
    let states = arrow_states(size);
    let shape = [1, states.len() / size, size];
    let x = Tensor::<3>::from_data(TensorData::new(states, shape), &model.device);
    read(model.net.reverse(x.clone(), &[t]).mean() - x)
}

fn read(x: Tensor<3>) -> Result<Vec<f32>, TrainError> {
    x.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))
}

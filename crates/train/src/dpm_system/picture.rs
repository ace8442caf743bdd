use std::ops::ControlFlow;

use burn::prelude::*;
use data::{Grid, Picture};
use dpm::Reverse;

use super::model::TrainedDpm;
use super::noise::StateNoise;
use super::plot::{Ink, Plot};
use crate::error::TrainError;

/// Pixels of a diagram's side.
const SIDE: usize = 240;
/// Standard deviations that a diagram shows, up and down.
const LIMIT: f64 = 2.8;
/// Places along the chain, from the data to noise.
const PLACES: usize = 5;
/// Arrows of a drift field in a row.
const ARROWS: usize = 18;

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
            Plot::tile(&[scatter(&values, channels * height * width)], 1)
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
    let length = model.net.chain().length();
    let places: Vec<usize> = (0..PLACES).map(|place| place * length / (PLACES - 1)).collect();
    let mut plots = Vec::new();
    for &t in &places {
        plots.push(plot_of(model, forward(model, seed, count, t)?)?);
    }
    plots.extend(backward(model, seed, count, &places)?);
    for &t in &places {
        plots.push(drift(model, t.max(2))?);
    }
    Ok(Plot::tile(&plots, PLACES))
}

/// The first points of the data at step t, `[1, N, D]`.
fn forward(model: &TrainedDpm, seed: u64, count: usize, t: usize) -> Result<Tensor<3>, TrainError> {
    let set = model.config.dataset.open(false)?.train;
    let numbers: Vec<usize> = (0..count.min(set.len())).collect();
    let mut values = set.fixed(&numbers)?.pixels;
    if let Some(standardize) = &model.config.standardize {
        standardize.apply(&mut values, 1, || 0.5);
    }
    let shape = [1, numbers.len(), model.shape.iter().product()];
    let x0 = Tensor::<3>::from_data(TensorData::new(values, shape), &model.device);
    if t == 0 {
        return Ok(x0);
    }
    let noise = StateNoise::new(model, seed, 0..numbers.len() as u64).draw();
    Ok(model.net.steps(&[t], &model.device).marginal(x0).draw(noise))
}

/// Samples at some steps.
fn backward(model: &TrainedDpm, seed: u64, count: usize, places: &[usize]) -> Result<Vec<Plot>, TrainError> {
    let mut noise = StateNoise::new(model, seed, 0..count as u64);
    let mut states = vec![StateNoise::new(model, seed, 0..count as u64).draw()];
    let length = model.net.chain().length();
    let mut observer = |step: dpm::Sampled| {
        if step.t < length && places.contains(&step.t) {
            states.push(step.x.clone());
        }
        ControlFlow::Continue(())
    };
    model.net.sample(&mut || noise.draw(), None, &mut observer)?;
    states.into_iter().rev().map(|states| plot_of(model, states)).collect()
}

fn drift(model: &TrainedDpm, t: usize) -> Result<Plot, TrainError> {
    let values: usize = model.shape.iter().product();
    let place = |i: usize| ((i as f64 + 0.5) / ARROWS as f64 * 2.0 - 1.0) * LIMIT;
    let points: Vec<[f64; 2]> =
        (0..ARROWS * ARROWS).map(|i| [place(i % ARROWS), place(i / ARROWS)]).collect();
    let mut states = vec![0.0; points.len() * values];
    for (state, point) in states.chunks_exact_mut(values).zip(&points) {
        state[..2].copy_from_slice(&point.map(|value| value as f32));
    }
    let x = Tensor::<3>::from_data(TensorData::new(states, [1, points.len(), values]), &model.device);
    let moved = read(model.net.reverse(x.clone(), &[t]).mean() - x)?;
    let moves: Vec<[f64; 2]> =
        moved.chunks_exact(values).map(|step| [f64::from(step[0]), f64::from(step[1])]).collect();
    let longest = moves.iter().map(|[x, y]| x.hypot(*y)).fold(f64::MIN_POSITIVE, f64::max);
    let scale = 2.0 * LIMIT / ARROWS as f64 / longest;
    let mut plot = Plot::new(SIDE, LIMIT);
    for ([x, y], [dx, dy]) in points.into_iter().zip(moves) {
        plot.arrow([x, y], [x + dx * scale, y + dy * scale], Ink::ARROW);
    }
    Ok(plot)
}

fn plot_of(model: &TrainedDpm, states: Tensor<3>) -> Result<Plot, TrainError> {
    Ok(scatter(&read(states)?, model.shape.iter().product()))
}

/// Points by their first two coordinates.
fn scatter(values: &[f32], size: usize) -> Plot {
    let mut plot = Plot::new(SIDE, LIMIT);
    for point in values.chunks_exact(size) {
        let y = point.get(1).copied().unwrap_or_default();
        plot.point(point[0].into(), y.into(), Ink::POINT);
    }
    plot
}

fn read(x: Tensor<3>) -> Result<Vec<f32>, TrainError> {
    x.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))
}

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::prelude::*;
use data::{Captions, DatasetConfig, Grid, Picture};
use diffusion::{Levels, markov_step, q_sample};
use random::{Seed, Stream};
use schedules::{NoiseLevel, Schedule};

/// Pictures in a row of the strip.
const SHOWN: usize = 10;
/// Values behind each mean and variance, at least.
const VALUES: usize = 1 << 14;

/// An image on its way into noise, by the chain step by step and by the closed form.
#[derive(Debug)]
pub struct Forward {
    /// The original and the pictures of both ways, `[2, 1 + rows, C, H, W]`: the chain's row, then the closed form's.
    pub values: Vec<f32>,
    /// `[C, H, W]`.
    pub shape: [usize; 3],
    /// One row of figures for each picture.
    pub rows: Vec<Row>,
}

/// Mean and variance of `x_t - alpha x0` over many draws at one timestep.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Timestep from 0; the image has gone `timestep + 1` steps.
    pub timestep: usize,
    /// Where it is.
    pub level: NoiseLevel,
    /// Mean and variance by the chain.
    pub chain: (f64, f64),
    /// Mean and variance by the closed form.
    pub closed: (f64, f64),
    /// Values behind each.
    pub values: usize,
}

impl Forward {
    /// Both ways as two rows of pictures, each pixel enlarged `zoom` times or as they need.
    pub fn strip(&self, zoom: Option<usize>) -> Picture {
        let steps = self.rows.iter().map(|row| format!("t={}", row.timestep));
        let captions = Captions {
            rows: ["chain", "closed form"].map(String::from).to_vec(),
            ..Captions::of_columns(std::iter::once("original".to_owned()).chain(steps))
        };
        let grid = Grid::new(1 + self.rows.len(), self.shape).for_captions(&captions, self.shape);
        let grid = grid.zoomed(zoom, 2 * (1 + self.rows.len()), self.shape);
        grid.draw_captioned(&self.values, self.shape, &captions)
    }
}

impl Row {
    /// Whether both ways have mean 0 and variance `sigma^2` within five standard errors.
    pub fn agrees(&self) -> bool {
        let (n, sigma) = (self.values as f64, self.level.sigma);
        [self.chain, self.closed].iter().all(|(mean, variance)| {
            mean.abs() < 5.0 * sigma / n.sqrt()
                && (variance / sigma.powi(2) - 1.0).abs() < 5.0 * (2.0 / n).sqrt()
        })
    }
}

/// Finds the image that `--forward` names: a file, or a number in the training images of a data set.
///
/// # Errors
///
/// If it is neither, or cannot be read.
pub fn find_image(name: &str, dataset: &DatasetConfig, shape: [usize; 3]) -> Result<Vec<f32>> {
    if Path::new(name).exists() {
        return Ok(data::read_image(Path::new(name), shape)?);
    }
    let Ok(index) = name.parse::<usize>() else {
        bail!("--forward {name}: no such file, and no number of an image");
    };
    let splits = dataset.open(true).context("failed to open the run's data set")?;
    Ok(splits.train.fixed(&[index])?.pixels)
}

/// Noises an image `[C, H, W]` both ways.
///
/// # Errors
///
/// If the device cannot be read.
pub fn forward(
    image: Vec<f32>,
    shape: [usize; 3],
    schedule: &Schedule,
    seed: u64,
    device: &Device,
) -> Result<Forward> {
    let [channels, height, width] = shape;
    let copies = VALUES.div_ceil(image.len());
    let batch = [copies, channels, height, width];
    let count = copies * image.len();
    let (mut upper, mut lower, mut rows) = (image.clone(), image.clone(), Vec::new());
    let x0 = Tensor::<1>::from_data(TensorData::new(image, [count / copies]), device);
    let x0 = x0.reshape([1, channels, height, width]).repeat_dim(0, copies);
    let upload = |values: Vec<f32>| Tensor::<4>::from_data(TensorData::new(values, batch), device);
    let draw = |stream: &mut Stream| upload(stream.normal(count));
    let (mut chain, mut closed) =
        (Seed(seed).stream("forward/chain", 0), Seed(seed).stream("forward/closed", 0));

    let shown = timesteps_shown(schedule.num_train_timesteps());
    let mut x = x0.clone();
    for (timestep, &beta) in schedule.betas().iter().enumerate() {
        x = markov_step(x, draw(&mut chain), beta);
        if !shown.contains(&timestep) {
            continue;
        }
        let level = schedule.level(timestep);
        let jumped = q_sample(x0.clone(), draw(&mut closed), &Levels::new(&vec![level; copies], device));
        let moments = |x: &Tensor<4>| moments(x.clone() - x0.clone() * level.alpha);
        rows.push(Row { timestep, level, chain: moments(&x)?, closed: moments(&jumped)?, values: count });
        upper.extend(first_image(x.clone())?);
        lower.extend(first_image(jumped)?);
    }
    upper.extend(lower);
    Ok(Forward { values: upper, shape, rows })
}

/// Timesteps that grow closer together towards the clean end, where the picture changes most.
fn timesteps_shown(length: usize) -> Vec<usize> {
    let at = |i: usize| ((i as f64 / (SHOWN - 1) as f64).powi(2) * (length - 1) as f64).round() as usize;
    let mut shown: Vec<usize> = (0..SHOWN).map(at).collect();
    shown.dedup();
    shown
}

fn first_image(x: Tensor<4>) -> Result<Vec<f32>> {
    x.narrow(0, 0, 1).try_into_vec_as::<f32>().context("failed to read the image from the device")
}

fn moments(residual: Tensor<4>) -> Result<(f64, f64)> {
    let values = residual.try_into_vec_as::<f32>().context("failed to read the image from the device")?;
    let n = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / n;
    let variance = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / n;
    Ok((mean, variance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use schedules::ScheduleConfig;

    #[test]
    fn both_ways_agree_and_a_wrong_variance_is_seen() {
        let schedule = ScheduleConfig::default().build(100).unwrap();
        let image = vec![0.5; 64];
        let result = forward(image, [1, 8, 8], &schedule, 1, &Device::flex()).unwrap();
        assert_eq!(result.rows.len(), SHOWN);
        assert!(result.rows.iter().all(Row::agrees));
        let mut wrong = result.rows[5];
        wrong.chain.1 *= 1.1;
        assert!(!wrong.agrees());
    }
}

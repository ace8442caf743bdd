use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::{ExecutionError, TensorReadError};
use burn::train::ItemLazy;
use burn::train::metric::state::{FormatOptions, NumericMetricState};
use burn::train::metric::{
    Adaptor, Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes, NumericEntry,
    SerializedEntry,
};

/// What one step tells the metrics. Tensors are read in the metrics' own thread.
#[derive(Clone)]
pub struct Stats {
    measured: Measured,
    losses: Tensor<1>,
    timesteps: Vec<usize>,
    num_train_timesteps: usize,
    named: Vec<(&'static str, Tensor<1>)>,
    grad_norm: Option<Tensor<1>>,
    speed: Option<Speed>,
    reading: Arc<Reading>,
}

/// What the losses of [`Stats`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measured {
    /// Squared errors at the images' timesteps.
    SquaredError,
    /// Bits/dim of the images.
    Bound,
}

/// How fast a step was, and in how much memory.
#[derive(Clone, Copy, Debug)]
pub struct Speed {
    /// Training images a second.
    pub images_per_second: f64,
    /// Resident memory of the process in MiB, where the system tells.
    pub memory_mib: Option<f64>,
}

/// Resident memory of the process in MiB, where the system tells.
pub fn memory_mib() -> Option<f64> {
    memory_stats::memory_stats().map(|memory| memory.physical_mem as f64 / 1024.0 / 1024.0)
}

/// The numbers of one step, on the host.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    losses: Vec<f32>,
    bounds: Vec<f32>,
    quarters: Vec<usize>,
    named: Vec<(&'static str, Vec<f32>)>,
    grad_norm: Option<f64>,
    speed: Option<Speed>,
}

impl Stats {
    /// The squared error of each image `[B]` at its timestep out of `0..num_train_timesteps`.
    pub fn new(losses: Tensor<1>, timesteps: Vec<usize>, num_train_timesteps: usize) -> Self {
        let reading = Arc::default();
        let losses = losses.without_autodiff();
        let measured = Measured::SquaredError;
        Self {
            measured,
            losses,
            timesteps,
            num_train_timesteps,
            named: Vec::new(),
            grad_norm: None,
            speed: None,
            reading,
        }
    }

    /// The variational bound of each image `[B]`, in bits/dim.
    pub fn bound(bits: Tensor<1>) -> Self {
        let timesteps = vec![0; bits.dims()[0]];
        Self { measured: Measured::Bound, ..Self::new(bits, timesteps, 1) }
    }

    /// The loss of each image `[B]`, where there is no chain.
    pub fn of_images(losses: Tensor<1>) -> Self {
        let images = losses.dims()[0];
        Self::new(losses, vec![0; images], 1)
    }

    /// Adds numbers of the batch: one for each image, or one for all.
    #[must_use]
    pub fn with(mut self, name: &'static str, values: Tensor<1>) -> Self {
        self.named.push((name, values.without_autodiff()));
        self
    }

    /// The statistics of two batches together.
    pub fn join(self, other: Self) -> Self {
        let losses = Tensor::cat(vec![self.losses, other.losses], 0);
        let mut named = self.named;
        named.extend(other.named.iter().cloned());
        Self { losses, timesteps: [self.timesteps, other.timesteps].concat(), named, ..other }
    }

    /// How many images it tells of.
    pub fn images(&self) -> usize {
        self.timesteps.len()
    }

    /// Adds what is known only after the optimizer step.
    pub fn with_step(mut self, grad_norm: Tensor<1>, speed: Speed) -> Self {
        self.grad_norm = Some(grad_norm);
        self.speed = Some(speed);
        self
    }

    /// The mean of the losses, read from the device.
    pub fn mean_loss(&self) -> Result<f64, TensorReadError> {
        self.losses.clone().mean().try_into_scalar::<f64>()
    }

    fn read(&self) -> Result<Reading, TensorReadError> {
        let quarter = |&t: &usize| 4 * t / self.num_train_timesteps;
        let values = self.losses.clone().try_into_vec_as::<f32>()?;
        let (losses, bounds) = match self.measured {
            Measured::SquaredError => (values, Vec::new()),
            Measured::Bound => (Vec::new(), values),
        };
        let read = |(name, values): &(&'static str, Tensor<1>)| {
            Ok::<_, TensorReadError>((*name, values.clone().try_into_vec_as::<f32>()?))
        };
        Ok(Reading {
            losses,
            bounds,
            quarters: self.timesteps.iter().map(quarter).collect(),
            named: self.named.iter().map(read).collect::<Result<_, _>>()?,
            grad_norm: self.grad_norm.clone().map(|norm| norm.try_into_scalar::<f64>()).transpose()?,
            speed: self.speed,
        })
    }
}

impl ItemLazy for Stats {
    fn sync(mut self) -> Result<Self, ExecutionError> {
        let reading =
            self.read().map_err(|error| ExecutionError::WithContext { reason: error.to_string() })?;
        self.reading = Arc::new(reading);
        Ok(self)
    }
}

impl Adaptor<Arc<Reading>> for Stats {
    fn adapt(&self) -> Arc<Reading> {
        self.reading.clone()
    }
}

/// How a metric reads its value, and how many images stand behind it.
type Value = Arc<dyn Fn(&Reading) -> Option<(f64, usize)> + Send + Sync>;

/// A number of each step as a burn-train metric.
#[derive(Clone)]
pub struct StepMetric {
    name: MetricName,
    unit: Option<&'static str>,
    higher_is_better: bool,
    value: Value,
    state: NumericMetricState,
    fresh: bool,
}

impl StepMetric {
    fn new(
        name: &str,
        unit: Option<&'static str>,
        value: impl Fn(&Reading) -> Option<(f64, usize)> + Send + Sync + 'static,
    ) -> Self {
        let (name, state) = (Arc::new(name.to_owned()), NumericMetricState::new());
        Self { name, unit, higher_is_better: false, value: Arc::new(value), state, fresh: false }
    }

    /// The mean of the numbers that [`Stats::with`] adds under this name.
    pub fn named(name: &'static str, unit: Option<&'static str>) -> Self {
        Self::new(name, unit, move |reading| {
            let own = reading.named.iter().filter(|(other, _)| *other == name);
            mean(own.flat_map(|(_, values)| values.iter().copied()))
        })
    }

    /// The same metric, the more of which the better.
    #[must_use]
    pub fn higher_is_better(self) -> Self {
        Self { higher_is_better: true, ..self }
    }

    /// Mean squared error of the network's output.
    pub fn loss() -> Self {
        Self::new("Loss", None, |reading| mean(reading.losses.iter().copied()))
    }

    /// The same over a quarter of the chain, the least noisy first.
    pub fn quarters() -> [Self; 4] {
        [
            Self::new("Loss t 0-25%", None, |reading| quarter(reading, 0)),
            Self::new("Loss t 25-50%", None, |reading| quarter(reading, 1)),
            Self::new("Loss t 50-75%", None, |reading| quarter(reading, 2)),
            Self::new("Loss t 75-100%", None, |reading| quarter(reading, 3)),
        ]
    }

    /// The variational bound.
    pub fn bound() -> Self {
        Self::new("Bound", Some("bits/dim"), |reading| mean(reading.bounds.iter().copied()))
    }

    /// Norm of all gradients together, before clipping.
    pub fn grad_norm() -> Self {
        Self::new("Gradient norm", None, |reading| reading.grad_norm.map(|norm| (norm, 1)))
    }

    /// Training speed.
    pub fn speed() -> Self {
        let speed = |reading: &Reading| reading.speed.map(|speed| (speed.images_per_second, 1));
        Self::new("Images per second", None, speed).higher_is_better()
    }

    /// Resident memory of the process.
    pub fn memory() -> Self {
        Self::new("Memory", Some("MiB"), |reading| reading.speed?.memory_mib.map(|mib| (mib, 1)))
    }

    fn format(&self) -> FormatOptions {
        let options = FormatOptions::new(self.name.clone()).precision(4);
        match self.unit {
            Some(unit) => options.unit(unit),
            None => options,
        }
    }
}

fn mean(values: impl Iterator<Item = f32>) -> Option<(f64, usize)> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + f64::from(value), count + 1));
    (count > 0).then(|| (sum / count as f64, count))
}

fn quarter(reading: &Reading, index: usize) -> Option<(f64, usize)> {
    let of_quarter = reading.losses.iter().zip(&reading.quarters).filter(|(_, quarter)| **quarter == index);
    mean(of_quarter.map(|(loss, _)| *loss))
}

impl Metric for StepMetric {
    type Input = Arc<Reading>;

    fn name(&self) -> MetricName {
        self.name.clone()
    }

    fn attributes(&self) -> MetricAttributes {
        let unit = self.unit.map(str::to_owned);
        NumericAttributes { unit, higher_is_better: self.higher_is_better }.into()
    }

    fn update(
        &mut self,
        reading: &Arc<Reading>,
        _: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let value = (self.value)(reading);
        self.fresh = value.is_some();
        let Some((value, count)) = value else {
            return Ok(SerializedEntry::not_available(self.unit));
        };
        self.state.update(value, count);
        Ok(self.state.compute_update(self.format()))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        Ok(self.state.compute_final(self.format()))
    }

    fn clear(&mut self) {
        self.state.reset();
    }
}

impl Numeric for StepMetric {
    fn value(&self) -> Option<NumericEntry> {
        self.fresh.then(|| self.state.current_value())
    }

    fn running_value(&self) -> Option<NumericEntry> {
        self.fresh.then(|| self.state.running_value())
    }

    fn final_value(&self) -> NumericEntry {
        self.state.final_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_sorted_into_quarters_of_the_chain() {
        let losses = Tensor::<1>::from_data([1.0, 2.0, 4.0, 8.0], &Device::flex());
        let reading = Stats::new(losses, vec![0, 249, 250, 999], 1000).read().unwrap();
        let of = |index| quarter(&reading, index);
        assert_eq!([of(0), of(1), of(2), of(3)], [Some((1.5, 2)), Some((4.0, 1)), None, Some((8.0, 1))]);
        assert_eq!(mean(reading.losses.iter().copied()), Some((3.75, 4)));
    }

    #[test]
    fn a_bound_is_no_loss() {
        let bits = Tensor::<1>::from_data([3.0, 4.0], &Device::flex());
        let reading = Stats::bound(bits).read().unwrap();
        let value = |metric: StepMetric| (metric.value)(&reading);
        assert_eq!(value(StepMetric::bound()), Some((3.5, 2)));
        assert_eq!(value(StepMetric::loss()), None);
        assert_eq!(StepMetric::quarters().map(value), [None; 4]);
    }
}

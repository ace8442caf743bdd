use burn::prelude::*;
use schedules::NoiseLevel;
use serde::{Deserialize, Serialize};

use crate::exponential::{Smooth, Transition, moment};
use crate::solver::weighted;
use crate::{Denoiser, DiffusionError, Solver, Stage};

/// The function B(h) of [`UniPc`] (Zhao et al. 2023, section 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bh {
    /// `B(h) = h`.
    Bh1,
    /// `B(h) = e^h - 1`.
    #[default]
    Bh2,
}

/// Options of [`UniPc`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UniPcConfig {
    /// 1 to 3 levels are used; the corrector adds one order.
    pub order: usize,
    /// What is taken for smooth.
    pub smooth: Smooth,
    /// The function B(h).
    pub bh: Bh,
    /// Whether the last steps use lower orders.
    pub lower_order_final: bool,
    /// Steps, from 0, that are not corrected.
    pub uncorrected: Vec<usize>,
}

impl Default for UniPcConfig {
    fn default() -> Self {
        Self { order: 2, smooth: Smooth::X0, bh: Bh::Bh2, lower_order_final: true, uncorrected: Vec::new() }
    }
}

/// UniPC, a predictor and a corrector from the same values (Zhao et al. 2023, algorithms 5 to 8). One evaluation a step:
/// the corrector of a step waits for the evaluation of the next.
pub struct UniPc {
    config: UniPcConfig,
    /// lambda and value, newest first.
    history: Vec<(f64, Tensor<4>)>,
    /// The last step: where it began, its image there, its order.
    last: Option<(NoiseLevel, Tensor<4>, usize)>,
}

impl UniPc {
    /// A solver ready for its first step.
    pub fn new(config: UniPcConfig) -> Self {
        Self { config, history: Vec::new(), last: None }
    }

    /// The step from the first of `known` to `to` through the other values, at levels older or newer.
    fn advance(
        &self,
        x: Tensor<4>,
        from: NoiseLevel,
        to: NoiseLevel,
        known: &[&(f64, Tensor<4>)],
    ) -> Tensor<4> {
        let transition = Transition::new(self.config.smooth, false, from, to);
        let step = to.lambda() - from.lambda();
        let nodes: Vec<f64> = known[1..].iter().map(|(lambda, _)| (lambda - from.lambda()) / step).collect();
        let weights = unipc_weights(self.config.bh, transition.k, &nodes);
        let weights: Vec<f64> = weights.iter().map(|weight| weight * transition.amplitude).collect();
        let kept = x * transition.ratio;
        let integral = weighted(&weights, known.iter().map(|(_, value)| value));
        integral.map_or(kept.clone(), |integral| kept + integral)
    }

    fn correct(&mut self, x: Tensor<4>, stage: Stage, value: &(f64, Tensor<4>)) -> Tensor<4> {
        let Some((from, start, order)) = self.last.take() else { return x };
        if self.config.uncorrected.contains(&(stage.index - 1)) {
            return x;
        }
        let mut known: Vec<_> = self.history.iter().take(order).collect();
        known.push(value);
        self.advance(start, from, stage.from, &known)
    }
}

impl Solver for UniPc {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        _: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let prediction = denoiser.denoise(x.clone(), stage.from)?;
        if stage.index == 0 {
            self.history.clear();
            self.last = None;
        }
        if stage.from.alpha == 0.0 {
            return Ok((prediction.at(stage.to), prediction.x0));
        }
        let value = (stage.from.lambda(), self.config.smooth.of(&prediction));
        let x = self.correct(x, stage, &value);
        self.history.insert(0, value);
        self.history.truncate(self.config.order);
        let bound = if self.config.lower_order_final { stage.remaining() + 1 } else { usize::MAX };
        let order = self.history.len().min(bound);
        let Stage { from, to, .. } = stage;
        if to.sigma == 0.0 {
            return Ok((prediction.x0.clone() * to.alpha, prediction.x0));
        }
        let known: Vec<_> = self.history.iter().take(order).collect();
        let next = self.advance(x.clone(), from, to, &known);
        self.last = Some((from, x, order));
        Ok((next, prediction.x0))
    }
}

/// Weights of the values at `u = 0` and at `nodes` (Zhao et al. 2023, eq. 10 and theorem 3.1).
///
/// With one node only, both predictor and corrector take 1/2, as the paper's section 3.3 does.
fn unipc_weights(bh: Bh, k: f64, nodes: &[f64]) -> Vec<f64> {
    let scale = match bh {
        Bh::Bh1 => k,
        Bh::Bh2 => moment(0, k),
    };
    let rho = match nodes.len() {
        1 => vec![0.5],
        n => {
            // sum_i rho_i r_i^(m - 1) = moment_m / B(h): the polynomial conditions, divided by B(h).
            let rows = (0..n).map(|m| nodes.iter().map(|node| node.powi(m as i32)).collect()).collect();
            solve(rows, (0..n).map(|m| moment(m + 1, k) / scale).collect())
        }
    };
    let others: Vec<f64> = rho.iter().zip(nodes).map(|(rho, node)| scale * rho / node).collect();
    std::iter::once(moment(0, k) - others.iter().sum::<f64>()).chain(others).collect()
}

/// Solves a small linear system by Gaussian elimination with pivoting.
fn solve(mut rows: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()));
        let pivot = pivot.unwrap_or(column);
        rows.swap(column, pivot);
        right.swap(column, pivot);
        let (done, below) = rows.split_at_mut(column + 1);
        let pivot = &done[column];
        for (row, values) in below.iter_mut().enumerate() {
            let factor = values[column] / pivot[column];
            values.iter_mut().zip(pivot).for_each(|(value, above)| *value -= factor * above);
            right[column + 1 + row] -= factor * right[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|k| rows[row][k] * right[k]).sum();
        right[row] = (right[row] - known) / rows[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_a_system_that_needs_pivots() {
        let solution = solve(vec![vec![0.0, 2.0], vec![3.0, 1.0]], vec![4.0, 5.0]);
        assert!((solution[0] - 1.0).abs() < 1e-12 && (solution[1] - 2.0).abs() < 1e-12);
    }

    #[test]
    fn two_nodes_integrate_quadratics() {
        let (k, nodes) = (0.6, [-1.1, 1.0]);
        for bh in [Bh::Bh1, Bh::Bh2] {
            let weights = unipc_weights(bh, k, &nodes);
            let f = |u: f64| 1.0 + 2.0 * u - 4.0 * u * u;
            let ours = weights[0] * f(0.0) + weights[1] * f(nodes[0]) + weights[2] * f(nodes[1]);
            let exact = moment(0, k) + 2.0 * moment(1, k) - 4.0 * moment(2, k);
            assert!((ours - exact).abs() < 1e-12, "{bh:?}: {ours} is not {exact}");
        }
    }
}

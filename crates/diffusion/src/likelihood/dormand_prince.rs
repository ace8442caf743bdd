use burn::prelude::*;

use super::variational_bound::read;
use crate::DiffusionError;

/// Evaluations that are spent on one integral at most.
const MAX_EVALUATIONS: usize = 20_000;

/// The share of the way that the first step tries.
const FIRST_STEP: f64 = 0.01;

/// Where each evaluation of a step lies (Dormand & Prince 1980, RK5(4)7M); the last is the first of the next step.
const NODES: [f64; 7] = [0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];

/// Weights of the slopes before each evaluation; the last row is the step of order 5.
const WEIGHTS: [&[f64]; 7] = [
    &[],
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];

/// Weights of the slopes in the difference between the steps of order 5 and 4.
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

/// Images on their way along an ODE, and for each an integral along the way; or the slopes of both.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// `[B, C, H, W]`.
    pub x: Tensor<4>,
    /// `[B]`, of the magnitude of a value of `x`.
    pub integral: Tensor<1>,
}

/// Where an ODE led, and what it cost.
#[derive(Clone, Debug)]
pub(super) struct Solution {
    pub end: State,
    /// Evaluations of the slope.
    pub evaluations: usize,
    /// Steps that were tried and not taken.
    pub rejected: usize,
}

/// Integrates `slope` from `start` to `end` by the embedded pair of orders 5 and 4, with steps such that each one's error
/// is `tolerance (1 + |value|)` in the root mean square over all values of the batch, as SciPy's `RK45` has it.
pub(super) fn integrate(
    slope: &mut dyn FnMut(f64, &State) -> Result<State, DiffusionError>,
    state: State,
    (start, end): (f64, f64),
    tolerance: f64,
) -> Result<Solution, DiffusionError> {
    let way = end - start;
    let (mut at, mut step) = (start, FIRST_STEP * way);
    let (mut evaluations, mut rejected) = (1, 0);
    let mut first = slope(at, &state)?;
    let mut state = state;
    while at != end {
        let last = (at + step - end) * way >= 0.0;
        let length = if last { end - at } else { step };
        let (next, slopes) = try_step(slope, &state, first.clone(), at, length)?;
        evaluations += NODES.len() - 1;
        let error = error_norm(&state, &next, &slopes, length, tolerance)?;
        let stuck = !error.is_finite() || length.abs() < 1e-9 * way.abs() || evaluations > MAX_EVALUATIONS;
        if stuck && (error > 1.0 || error.is_nan()) {
            let share = 100.0 * (at - start) / way;
            return Err(DiffusionError::Unsolved { tolerance, evaluations, share });
        }
        step = length * (0.9 * error.powf(-0.2)).clamp(0.2, if rejected_last(error) { 1.0 } else { 10.0 });
        if rejected_last(error) {
            rejected += 1;
            continue;
        }
        at = if last { end } else { at + length };
        state = next;
        first = slopes[NODES.len() - 1].clone();
    }
    Ok(Solution { end: state, evaluations, rejected })
}

fn rejected_last(error: f64) -> bool {
    error > 1.0
}

/// The state after a step of order 5, and its seven slopes.
fn try_step(
    slope: &mut dyn FnMut(f64, &State) -> Result<State, DiffusionError>,
    state: &State,
    first: State,
    at: f64,
    length: f64,
) -> Result<(State, Vec<State>), DiffusionError> {
    let (mut slopes, mut next) = (vec![first], state.clone());
    for (node, weights) in NODES.iter().zip(WEIGHTS).skip(1) {
        next = state.plus(weights, &slopes, length);
        slopes.push(slope(at + node * length, &next)?);
    }
    Ok((next, slopes))
}

impl State {
    /// `self + length sum w_i slope_i`.
    fn plus(&self, weights: &[f64], slopes: &[State], length: f64) -> State {
        let used = || weights.iter().zip(slopes).filter(|(weight, _)| **weight != 0.0);
        let add = |sum: State, (weight, slope): (&f64, &State)| State {
            x: sum.x + slope.x.clone() * (weight * length),
            integral: sum.integral + slope.integral.clone() * (weight * length),
        };
        used().fold(self.clone(), add)
    }
}

/// The error of a step in units of what is allowed, that of the images and that of the integrals together.
fn error_norm(
    state: &State,
    next: &State,
    slopes: &[State],
    length: f64,
    tolerance: f64,
) -> Result<f64, DiffusionError> {
    let zero = State { x: state.x.zeros_like(), integral: state.integral.zeros_like() };
    let error = zero.plus(&ERROR, slopes, length);
    let x = (error.x / (state.x.clone().abs().max_pair(next.x.clone().abs()) + 1.0)).square().mean();
    let magnitude = state.integral.clone().abs().max_pair(next.integral.clone().abs()) + 1.0;
    let integral = (error.integral / magnitude).square().mean();
    let squares = read(x + integral)?;
    Ok(squares[0].sqrt() / tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::DType;

    fn state(values: [f64; 2]) -> State {
        let device = (&Device::flex(), DType::F64);
        State {
            x: Tensor::from_data(TensorData::new(values.to_vec(), [1, 1, 1, 2]), device),
            integral: Tensor::zeros([1], device),
        }
    }

    /// The harmonic oscillator, and the area under its displacement: `(cos u, -sin u)` and `sin u`.
    fn oscillator(tolerance: f64) -> (Vec<f64>, usize) {
        let mut slope = |_: f64, at: &State| {
            let values = at.x.clone().try_into_vec_as::<f64>().unwrap();
            let integral = at.x.clone().slice([0..1, 0..1, 0..1, 0..1]).reshape([1]);
            Ok(State { integral, ..state([values[1], -values[0]]) })
        };
        let solved = integrate(&mut slope, state([1.0, 0.0]), (0.0, 3.0), tolerance).unwrap();
        let mut values = solved.end.x.try_into_vec_as::<f64>().unwrap();
        values.push(solved.end.integral.into_scalar::<f64>());
        (values, solved.evaluations)
    }

    #[test]
    fn errors_follow_the_tolerance() {
        let exact = [3f64.cos(), -3f64.sin(), 3f64.sin()];
        let mut spent = 0;
        for tolerance in [1e-3, 1e-6, 1e-9] {
            let (values, evaluations) = oscillator(tolerance);
            for (value, exact) in values.iter().zip(exact) {
                assert!((value - exact).abs() < 5.0 * tolerance, "{value} is not {exact} at {tolerance}");
            }
            assert!(evaluations > spent, "more accuracy costs more");
            spent = evaluations;
        }
    }

    /// A single step without control is of order 5: half the length, a 64th of the error.
    #[test]
    fn a_step_is_of_order_five() {
        let error = |length: f64| {
            let mut slope = |_: f64, at: &State| Ok(at.clone());
            let start = state([1.0, 1.0]);
            let (next, _) = try_step(&mut slope, &start, start.clone(), 0.0, length).unwrap();
            (next.x.try_into_vec_as::<f64>().unwrap()[0] - length.exp()).abs()
        };
        let ratio = error(0.2) / error(0.1);
        assert!((ratio.log2() - 6.0).abs() < 0.3, "{ratio}");
    }

    #[test]
    fn what_cannot_be_solved_is_refused() {
        let mut slope =
            |_: f64, at: &State| Ok(State { x: at.x.clone() * f64::NAN, integral: at.integral.clone() });
        let error = integrate(&mut slope, state([1.0, 1.0]), (0.0, 1.0), 1e-3).unwrap_err().to_string();
        assert!(error.contains("not solved to tolerance 1e-3"), "{error}");
    }
}

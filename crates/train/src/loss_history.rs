use std::sync::{Mutex, MutexGuard, PoisonError};

/// Losses that are kept of each timestep.
const DEPTH: usize = 10;
/// Share of timesteps drawn uniformly whatever their losses.
const UNIFORM_SHARE: f64 = 1e-3;
/// Where no loss is known yet.
const UNKNOWN: f32 = -1.0;

/// The last losses at each timestep, by which timesteps are drawn: `p_t` in proportion to `sqrt(E[L_t^2])`, estimated from
/// the last ten of each, and uniformly until all have ten (Nichol & Dhariwal 2021, section 3.3).
///
/// Losses weighted by `1 / (T p_t)` have the expectation of uniformly drawn ones and the least variance.
#[derive(Debug)]
pub struct LossHistory {
    /// [`DEPTH`] of each timestep, the oldest first.
    losses: Mutex<Vec<f32>>,
}

impl LossHistory {
    /// Of a chain of which nothing is known.
    pub fn new(num_train_timesteps: usize) -> Self {
        Self { losses: Mutex::new(vec![UNKNOWN; DEPTH * num_train_timesteps]) }
    }

    /// All that is known, as it is saved.
    pub fn values(&self) -> Vec<f32> {
        self.lock().clone()
    }

    /// What was saved; another chain's is not taken.
    pub fn restore(&self, values: &[f32]) {
        let mut losses = self.lock();
        if values.len() == losses.len() {
            losses.copy_from_slice(values);
        }
    }

    /// Notes losses, which are not negative; what is no number is not noted.
    pub fn add(&self, timesteps: &[usize], losses: &[f32]) {
        let mut all = self.lock();
        for (&timestep, &loss) in timesteps.iter().zip(losses).filter(|(_, loss)| loss.is_finite()) {
            let row = &mut all[DEPTH * timestep..][..DEPTH];
            let next = row.iter().position(|&known| known == UNKNOWN).unwrap_or_else(|| {
                row.rotate_left(1);
                DEPTH - 1
            });
            row[next] = loss.max(0.0);
        }
    }

    /// A timestep for each value in `[0, 1)`, with the weight of its loss.
    pub fn draw(&self, uniform: &[f64]) -> Vec<(usize, f64)> {
        let losses = self.lock();
        let length = losses.len() / DEPTH;
        let probabilities = probabilities(&losses).unwrap_or_else(|| vec![1.0 / length as f64; length]);
        let mut sum = 0.0;
        let below = probabilities.iter().map(|probability| {
            sum += probability;
            sum
        });
        let below: Vec<f64> = below.collect();
        let timestep = |&value: &f64| below.partition_point(|&sum| sum <= value).min(length - 1);
        let weight = |timestep: usize| 1.0 / (length as f64 * probabilities[timestep]);
        uniform.iter().map(timestep).map(|timestep| (timestep, weight(timestep))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<f32>> {
        self.losses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The probability of each timestep, once ten losses of all are known.
fn probabilities(losses: &[f32]) -> Option<Vec<f64>> {
    let rows = || losses.chunks(DEPTH);
    if rows().any(|row| row[DEPTH - 1] == UNKNOWN) {
        return None;
    }
    let square = |&loss: &f32| f64::from(loss).powi(2);
    let roots: Vec<f64> =
        rows().map(|row| (row.iter().map(square).sum::<f64>() / DEPTH as f64).sqrt()).collect();
    let sum: f64 = roots.iter().sum();
    if sum == 0.0 {
        return None;
    }
    let uniform = UNIFORM_SHARE / roots.len() as f64;
    Some(roots.iter().map(|root| (1.0 - UNIFORM_SHARE) * root / sum + uniform).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(n: usize) -> Vec<f64> {
        (0..n).map(|i| (i as f64 + 0.5) / n as f64).collect()
    }

    /// A history in which timestep t always lost t + 1.
    fn known(length: usize) -> LossHistory {
        let history = LossHistory::new(length);
        for _ in 0..DEPTH {
            for t in 0..length {
                history.add(&[t], &[t as f32 + 1.0]);
            }
        }
        history
    }

    #[test]
    fn timesteps_are_uniform_until_all_are_known() {
        let history = LossHistory::new(4);
        for _ in 0..100 {
            history.add(&[0, 1, 2], &[1.0, 5.0, 9.0]);
        }
        let drawn = history.draw(&grid(4));
        assert_eq!(drawn, [(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)]);
    }

    #[test]
    fn timesteps_are_drawn_in_proportion_to_their_losses() {
        let drawn = known(4).draw(&grid(1000));
        for t in 0..4 {
            let share = drawn.iter().filter(|&&(timestep, _)| timestep == t).count() as f64 / 1000.0;
            let expected = 0.999 * (t + 1) as f64 / 10.0 + 0.001 / 4.0;
            assert!((share - expected).abs() < 2e-3, "{share} is not {expected}");
        }
        // What the weights are for: the mean loss is that of uniform timesteps.
        let mean = drawn.iter().map(|&(t, weight)| weight * (t + 1) as f64).sum::<f64>() / 1000.0;
        assert!((mean - 2.5).abs() < 0.01, "{mean}");
    }

    #[test]
    fn only_the_last_ten_count() {
        let history = known(2);
        for _ in 0..DEPTH {
            history.add(&[0, 1], &[3.0, 3.0]);
            history.add(&[0], &[f32::NAN]);
        }
        let probabilities = probabilities(&history.values()).unwrap();
        assert!((probabilities[0] - 0.5).abs() < 1e-12);
        assert!(!history.values().contains(&UNKNOWN));
    }

    #[test]
    fn what_is_saved_is_restored() {
        let other = LossHistory::new(3);
        other.restore(&known(3).values());
        assert_eq!(other.values(), known(3).values());
        other.restore(&[0.0]);
        assert_eq!(other.values(), known(3).values());
    }
}

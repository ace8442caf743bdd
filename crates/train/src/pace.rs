use std::time::Duration;

/// Below it nobody wonders what a first step waits for.
const SHORT: Duration = Duration::from_secs(1);

/// How long steps take, the first one apart: on a GPU it waits for kernels that are compiled and tried out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    steps: u32,
    first: Duration,
    elapsed: Duration,
}

impl Pace {
    /// Counts a step that ended `elapsed` after the beginning of the first. The second tells how much longer than itself
    /// the first one took, where that is long.
    pub(crate) fn step(&mut self, elapsed: Duration) -> Option<Duration> {
        self.steps += 1;
        self.elapsed = elapsed;
        if self.steps == 1 {
            self.first = elapsed;
        }
        let second = elapsed.saturating_sub(self.first);
        let longer = self.first.saturating_sub(second);
        (self.steps == 2 && longer > second.max(SHORT)).then_some(longer)
    }

    /// The time that `steps` more will take.
    pub(crate) fn of(&self, steps: usize) -> Duration {
        let (time, number) = match self.steps {
            0 | 1 => (self.elapsed, 1),
            steps => (self.elapsed - self.first, steps - 1),
        };
        time.mul_f64(steps as f64 / f64::from(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(ends: &[u64]) -> (Vec<Option<Duration>>, Duration) {
        let mut pace = Pace::default();
        let told = ends.iter().map(|&end| pace.step(Duration::from_millis(end))).collect();
        (told, pace.of(10))
    }

    #[test]
    fn a_long_first_step_is_told_once_and_does_not_count() {
        let told = Some(Duration::from_secs(42));
        assert_eq!(walk(&[43_000, 44_000, 45_000]), (vec![None, told, None], Duration::from_secs(10)));
    }

    #[test]
    fn a_first_step_like_the_others_is_not_told() {
        assert_eq!(walk(&[3000, 5000]), (vec![None, None], Duration::from_secs(20)));
        assert_eq!(walk(&[900, 901]).0, [None, None]);
        assert_eq!(walk(&[3000]), (vec![None], Duration::from_secs(30)));
    }
}

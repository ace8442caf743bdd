use std::fs;
use std::time::Instant;

/// What a training has taken, over all sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Seconds on the clock.
    pub seconds: f64,
    /// Seconds of processors, those of all threads together; 0 where the system does not tell.
    pub cpu_seconds: f64,
}

/// Ticks of a second in what Linux tells of processes, on every architecture.
const TICKS: f64 = 100.0;

/// Measures what a session takes, from its beginning on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spending {
    before: Spent,
    started: Instant,
    cpu_started: f64,
}

impl Spending {
    /// That of a session that begins, after `before`.
    pub(crate) fn new(before: Spent) -> Self {
        Self { before, started: Instant::now(), cpu_started: cpu_seconds().unwrap_or(0.0) }
    }

    /// Until now.
    pub(crate) fn spent(&self) -> Spent {
        let cpu = cpu_seconds().map_or(0.0, |now| now - self.cpu_started);
        Spent {
            seconds: self.before.seconds + self.started.elapsed().as_secs_f64(),
            cpu_seconds: self.before.cpu_seconds + cpu,
        }
    }
}

/// Those of this process.
fn cpu_seconds() -> Option<f64> {
    of_stat(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// The time in the program and in the system: the 14th and the 15th field, the second being a name in brackets.
fn of_stat(text: &str) -> Option<f64> {
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_times_are_found_behind_any_name() {
        let stat = "7 (a) b) R 1 2 3 4 5 6 7 8 9 10 1234 66 0 0 20 0 1";
        assert_eq!(of_stat(stat), Some(13.0));
        assert_eq!(of_stat("7 (a) R 1 2"), None);
    }
}

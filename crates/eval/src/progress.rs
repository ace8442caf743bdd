use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between two lines where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(10);

/// Long work with the time left: a bar on a terminal, lines elsewhere.
pub struct Progress {
    bar: ProgressBar,
    what: String,
    started: Instant,
    printed: Instant,
    first: u64,
    lines: bool,
}

impl Progress {
    /// Work of `total` units, of which `done` are done already.
    pub fn new(what: impl Into<String>, done: usize, total: usize) -> Self {
        let what = what.into();
        let bar = ProgressBar::new(total as u64).with_position(done as u64);
        bar.reset_eta();
        let bar = match ProgressStyle::with_template("{msg} {bar:40} {pos}/{len}, {eta} left") {
            Ok(style) => bar.with_style(style).with_message(what.clone()),
            Err(_) => bar,
        };
        let (now, lines) = (Instant::now(), !std::io::stderr().is_terminal());
        Self { bar, what, started: now, printed: now, first: done as u64, lines }
    }

    /// So many more units are done.
    pub fn advance(&mut self, units: usize) {
        self.bar.inc(units as u64);
        if !self.lines || self.printed.elapsed() < INTERVAL {
            return;
        }
        self.printed = Instant::now();
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let pace = self.started.elapsed().as_secs_f64() / (done - self.first).max(1) as f64;
        let left = Duration::from_secs_f64(pace * total.saturating_sub(done) as f64);
        terminal::note(format_args!("{} {done}/{total}, {} left", self.what, train::clock(left)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

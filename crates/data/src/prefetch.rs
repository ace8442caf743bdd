//! Work done ahead of its consumer, in order.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// The values of `f(start)`, `f(start + 1)`, ... without end, prepared by threads ahead of their use.
///
/// The values come in order whatever the number of threads, and at most two per thread are kept waiting. The
/// threads end when it is dropped; a panic in `f` reaches the consumer at the step where it happened.
///
/// ```
/// let squares = data::Prefetch::new(2, 3, std::sync::Arc::new(|step| step * step));
/// assert_eq!(squares.take(3).collect::<Vec<u64>>(), [9, 16, 25]);
/// ```
pub struct Prefetch<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Signalled when a value is ready, for the consumer.
    ready: Condvar,
    /// Signalled when a value was taken or the work is to end, for the threads.
    room: Condvar,
    /// How far the threads may run ahead of the consumer.
    ahead: u64,
}

struct State<T> {
    /// The next step that no thread has taken on.
    unclaimed: u64,
    /// The next step that the consumer gets.
    wanted: u64,
    values: BTreeMap<u64, thread::Result<T>>,
    stopped: bool,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Starts `workers` threads (at least one) at step `start`.
    pub fn new(workers: usize, start: u64, f: Arc<dyn Fn(u64) -> T + Send + Sync>) -> Self {
        let workers = workers.max(1);
        let state = State { unclaimed: start, wanted: start, values: BTreeMap::new(), stopped: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            ready: Condvar::new(),
            room: Condvar::new(),
            ahead: 2 * workers as u64,
        });
        let threads = (0..workers)
            .map(|_| {
                let (shared, f) = (shared.clone(), f.clone());
                thread::spawn(move || shared.work(&*f))
            })
            .collect();
        Self { shared, threads }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, f: &(dyn Fn(u64) -> T + Send + Sync)) {
        while let Some(step) = self.claim() {
            let value = catch_unwind(AssertUnwindSafe(|| f(step)));
            self.lock().values.insert(step, value);
            self.ready.notify_one();
        }
    }

    /// The next step to work on, when there is room for its value; `None` when the work is to end.
    fn claim(&self) -> Option<u64> {
        let full = |state: &mut State<T>| !state.stopped && state.unclaimed >= state.wanted + self.ahead;
        let mut state = self.room.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        state.unclaimed += 1;
        (!state.stopped).then(|| state.unclaimed - 1)
    }
}

impl<T: Send + 'static> Iterator for Prefetch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let mut state = self.shared.lock();
        let value = loop {
            let wanted = state.wanted;
            if let Some(value) = state.values.remove(&wanted) {
                break value;
            }
            state = self.shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        state.wanted += 1;
        drop(state);
        self.shared.room.notify_one();
        Some(value.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

impl<T: Send + 'static> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.room.notify_all();
        for thread in self.threads.drain(..) {
            // Panics of `f` are caught; there is no other to report.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn values_come_in_order_whatever_the_number_of_workers() {
        for workers in [0, 1, 2, 7] {
            // Even steps take longer, so that odd ones are ready first.
            let f = |step: u64| {
                thread::sleep(Duration::from_micros(if step.is_multiple_of(2) { 300 } else { 0 }));
                step * 10
            };
            let values: Vec<u64> = Prefetch::new(workers, 5, Arc::new(f)).take(50).collect();
            assert_eq!(values, (5..55).map(|step| step * 10).collect::<Vec<_>>(), "{workers} workers");
        }
    }

    #[test]
    fn the_threads_stay_within_the_bound_and_end_when_dropped() {
        let greatest = Arc::new(AtomicU64::new(0));
        let seen = greatest.clone();
        let mut values = Prefetch::new(2, 0, Arc::new(move |step| seen.fetch_max(step, Ordering::SeqCst)));
        for _ in 0..10 {
            values.next();
        }
        thread::sleep(Duration::from_millis(50));
        assert_eq!(greatest.load(Ordering::SeqCst), 13);
        drop(values);
        assert_eq!(Arc::strong_count(&greatest), 1, "a thread still holds the function");
    }

    #[test]
    fn a_panic_reaches_the_consumer_at_its_step() {
        let f = |step: u64| if step == 2 { panic!("broken step") } else { step };
        let mut values = Prefetch::new(3, 0, Arc::new(f));
        assert_eq!((values.next(), values.next()), (Some(0), Some(1)));
        let panic = catch_unwind(AssertUnwindSafe(|| values.next())).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"broken step"));
    }
}

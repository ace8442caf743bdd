use std::cell::Cell;

thread_local! {
    static COUNTED: Cell<f64> = const { Cell::new(0.0) };
}

/// What `run` gives, and the additions and multiplications that its convolutions, maps and attentions need on this thread
/// by the plain algorithm, gradients not included.
pub fn count_operations<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let before = COUNTED.get();
    let result = run();
    (result, COUNTED.get() - before)
}

/// What `run` gives, its operations not counted.
pub(crate) fn uncounted<T>(run: impl FnOnce() -> T) -> T {
    let before = COUNTED.get();
    let result = run();
    COUNTED.set(before);
    result
}

/// Counts `outputs` values that are sums of so many products.
pub(crate) fn count(outputs: usize, products: usize) {
    COUNTED.set(COUNTED.get() + 2.0 * outputs as f64 * products as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_run_inside_counts() {
        count(1, 1);
        let ((), operations) = count_operations(|| count(10, 3));
        assert_eq!(operations, 60.0);
        assert_eq!(count_operations(|| uncounted(|| count(10, 3))).1, 0.0);
    }
}

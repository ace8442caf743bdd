//! Memory: what a thread keeps for its next kernel, and what goes out.

use std::cell::RefCell;

use rayon::prelude::*;

/// Zeros, written by all threads: pages are slow to come by.
pub(crate) fn zeros(count: usize) -> Vec<f32> {
    const TOGETHER: usize = 1 << 15;
    if count < 4 * TOGETHER {
        return vec![0.0; count];
    }
    (0..count).into_par_iter().with_min_len(TOGETHER).map(|_| 0.0).collect()
}

/// A copy, made by all threads.
pub(crate) fn copy(values: &[f32]) -> Vec<f32> {
    values.par_iter().with_min_len(1 << 15).copied().collect()
}

thread_local! {
    /// One for each kernel within another.
    static KEPT: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Lends pieces of the given lengths, with whatever was there.
pub(crate) fn with<const N: usize, R>(lengths: [usize; N], work: impl FnOnce([&mut [f32]; N]) -> R) -> R {
    let mut memory = KEPT.with_borrow_mut(Vec::pop).unwrap_or_default();
    let total: usize = lengths.iter().sum();
    if memory.len() < total + HUGE {
        memory = vec![0.0; total.next_power_of_two() + HUGE];
        advise(&memory);
    }
    let first = memory.as_ptr().align_offset(HUGE * size_of::<f32>()).min(HUGE);
    let mut rest = &mut memory[first..];
    let pieces = lengths.map(|length| {
        let (piece, after) = std::mem::take(&mut rest).split_at_mut(length);
        rest = after;
        piece
    });
    let result = work(pieces);
    KEPT.with_borrow_mut(|kept| kept.push(memory));
    result
}

/// Numbers of a huge page.
const HUGE: usize = (2 << 20) / size_of::<f32>();

/// Asks for huge pages: kernels go through many small pages at once, more than the processor remembers.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn advise(memory: &[f32]) {
    let first = memory.as_ptr().align_offset(HUGE * size_of::<f32>());
    if let Some(whole) = memory.get(first..) {
        let bytes = whole.len() / HUGE * HUGE * size_of::<f32>();
        // SAFETY: the pages are ours, and this only concerns how they are kept. If it fails, they are as before.
        unsafe { libc::madvise(whole.as_ptr().cast_mut().cast(), bytes, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_: &[f32]) {}

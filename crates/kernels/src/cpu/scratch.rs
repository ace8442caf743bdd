//! Memory: what a thread keeps for its next kernel, and what goes out.

use std::cell::RefCell;
use std::mem::MaybeUninit;

use rayon::prelude::*;

/// Numbers that a thread writes at once.
const TOGETHER: usize = 1 << 15;

/// Zeros, written by all threads: pages are slow to come by.
pub(crate) fn zeros(count: usize) -> Vec<f32> {
    filled(count, |part, _| part.fill(MaybeUninit::new(0.0)))
}

/// A copy, made by all threads.
pub(crate) fn copy(values: &[f32]) -> Vec<f32> {
    filled(values.len(), |part, first| {
        part.write_copy_of_slice(&values[first..first + part.len()]);
    })
}

/// What `fill` writes to each part, all of it, being told where the part begins.
fn filled(count: usize, fill: impl Fn(&mut [MaybeUninit<f32>], usize) + Sync) -> Vec<f32> {
    let mut values = Vec::with_capacity(count);
    let memory = &mut values.spare_capacity_mut()[..count];
    if count < 4 * TOGETHER {
        fill(memory, 0);
    } else {
        let parts = memory.par_chunks_mut(TOGETHER).enumerate();
        parts.for_each(|(i, part)| fill(part, i * TOGETHER));
    }
    // SAFETY: both callers write every number.
    #[allow(unsafe_code)]
    unsafe {
        values.set_len(count);
    }
    values
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

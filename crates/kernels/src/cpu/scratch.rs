//! Memory that a thread keeps for its next kernel.

use std::cell::RefCell;

thread_local! {
    /// One for each kernel within another.
    static KEPT: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Lends pieces of the given lengths, filled with whatever was there.
pub(crate) fn with<const N: usize, R>(lengths: [usize; N], work: impl FnOnce([&mut [f32]; N]) -> R) -> R {
    let mut memory = KEPT.with_borrow_mut(Vec::pop).unwrap_or_default();
    let total = lengths.iter().sum();
    if memory.len() < total {
        memory.resize(total, 0.0);
    }
    let mut rest = &mut memory[..];
    let pieces = lengths.map(|length| {
        let (piece, after) = std::mem::take(&mut rest).split_at_mut(length);
        rest = after;
        piece
    });
    let result = work(pieces);
    KEPT.with_borrow_mut(|kept| kept.push(memory));
    result
}

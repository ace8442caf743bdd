//! Work on a thread of the pool that the kernels share.

use std::hint::black_box;

use kernels::PoolError;

/// Four MiB are used, which a program's first thread has and a thread of a pool has not by itself.
#[test]
fn work_inside_is_on_the_pool_and_has_a_whole_stack() {
    assert_eq!(rayon::current_thread_index(), None);
    let (thread, sum) =
        kernels::inside_pool(|| Ok::<_, PoolError>((rayon::current_thread_index(), deep(2 << 10)))).unwrap();
    assert!(thread.is_some());
    assert_eq!(sum, 2 << 10);
}

/// So many calls deep, of two KiB each.
fn deep(calls: usize) -> usize {
    let frame = black_box([1u8; 1 << 10]);
    match calls {
        0 => 0,
        left => deep(left - 1) + usize::from(black_box(frame)[left % frame.len()]),
    }
}

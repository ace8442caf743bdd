use rayon::ThreadPoolBuilder;

/// Bytes of a thread's stack: as many as a program's first thread has where it is generous.
const STACK: usize = 8 << 20;

/// What `work` gives, done on a thread of the pool that the kernels share.
///
/// To whoever is outside of the pool each kernel is a thread woken, and a sleep until it is done; to whoever is inside it is a
/// call. While `work` waits for something else than kernels, there is one thread less for those of others.
pub fn inside_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    // A pool that is there already does as well, but for its stacks.
    let _ = ThreadPoolBuilder::new().stack_size(STACK).build_global();
    rayon::scope(|_| work())
}

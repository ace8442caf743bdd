use std::error::Error as _;

use rayon::{ThreadPoolBuildError, ThreadPoolBuilder};
use thiserror::Error;

/// The system does not start as many threads as the pool should have.
#[derive(Debug, Error)]
#[error(
    "the threads that the kernels share do not start; `RAYON_NUM_THREADS=1`, set before the command, takes one"
)]
pub struct PoolError(#[source] ThreadPoolBuildError);

/// Bytes of a thread's stack: as many as a program's first thread has where it is generous.
const STACK: usize = 8 << 20;

/// What `work` gives, done on a thread of the pool that the kernels share.
///
/// To whoever is outside of the pool each kernel is a thread woken, and a sleep until it is done; to whoever is inside it is a
/// call. While `work` waits for something else than kernels, there is one thread less for those of others.
///
/// # Errors
///
/// That of `work`, or that the pool's threads do not start.
pub fn inside_pool<T: Send, E: From<PoolError> + Send>(
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    match ThreadPoolBuilder::new().stack_size(STACK).build_global() {
        Err(error) if error.source().is_some() => return Err(PoolError(error).into()),
        // A pool that is there already does as well, but for its stacks.
        Ok(()) | Err(_) => {}
    }
    rayon::scope(|_| work())
}

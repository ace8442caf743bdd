//! The row groups last used, within a bound of memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps the values last used whose sizes add up to at most `bound`; the newest value is always kept.
pub(super) struct Cache<K, V> {
    bound: usize,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    entries: HashMap<K, Entry<V>>,
    size: usize,
    clock: u64,
}

struct Entry<V> {
    value: Arc<V>,
    size: usize,
    used: u64,
}

impl<K: Copy + Eq + Hash, V> Cache<K, V> {
    pub(super) fn new(bound: usize) -> Self {
        let state = State { entries: HashMap::new(), size: 0, clock: 0 };
        Self { bound, state: Mutex::new(state) }
    }

    pub(super) fn get(&self, key: K) -> Option<Arc<V>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let clock = state.clock;
        let entry = state.entries.get_mut(&key)?;
        entry.used = clock;
        Some(entry.value.clone())
    }

    pub(super) fn put(&self, key: K, value: Arc<V>, size: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let used = state.clock;
        if let Some(old) = state.entries.remove(&key) {
            state.size -= old.size;
        }
        while state.size + size > self.bound {
            let oldest = state.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(&key, _)| key);
            let Some(old) = oldest.and_then(|key| state.entries.remove(&key)) else { break };
            state.size -= old.size;
        }
        state.size += size;
        state.entries.insert(key, Entry { value, size, used });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_goes_first() {
        let cache = Cache::new(10);
        for key in [1, 2] {
            cache.put(key, Arc::new(key), 5);
        }
        assert!(cache.get(1).is_some());
        cache.put(3, Arc::new(3), 4);
        assert_eq!([1, 2, 3].map(|key| cache.get(key).is_some()), [true, false, true]);
        cache.put(4, Arc::new(4), 100);
        assert_eq!([1, 3, 4].map(|key| cache.get(key).is_some()), [false, false, true]);
    }
}

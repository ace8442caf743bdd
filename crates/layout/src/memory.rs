use std::fs;

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// The memory that this process may use, in bytes: what the machine has, or less where the process or its control group is
/// limited; none where the system does not say.
pub fn memory_limit() -> Option<u64> {
    let kind = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(kind);
    let group = system.cgroup_limits().map(|limits| limits.total_memory);
    let process = fs::read_to_string("/proc/self/limits").ok().and_then(|limits| address_space(&limits));
    [Some(system.total_memory()), group, process].into_iter().flatten().filter(|&bytes| bytes > 0).min()
}

/// The bound of `ulimit -v`, which Linux tells in bytes.
fn address_space(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Refuses what needs more memory than there is.
///
/// # Errors
///
/// How much it needs, and how much there is.
pub fn check_memory(bytes: u64) -> Result<(), String> {
    match memory_limit() {
        Some(limit) if bytes > limit => {
            Err(format!("needs at least {:.1} GiB of memory, and there are {:.1}", gib(bytes), gib(limit)))
        }
        _ => Ok(()),
    }
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_refused() {
        assert!(check_memory(1 << 20).is_ok());
        if memory_limit().is_some() {
            let error = check_memory(u64::MAX).unwrap_err();
            assert!(error.starts_with("needs at least 17179869184.0 GiB"), "{error}");
        }
    }

    #[test]
    fn the_bound_of_a_process_is_read() {
        let limits = "Limit          Soft Limit  Hard Limit  Units\nMax address space         6144000000           unlimited            bytes\n";
        assert_eq!(address_space(limits), Some(6_144_000_000));
        assert_eq!(address_space(&limits.replace("6144000000", "unlimited")), None);
    }
}

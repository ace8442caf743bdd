use std::fs;

/// The memory that this process may use, in bytes: what the machine has, or less where the process or its control group is
/// limited; none where the system does not say.
pub fn memory_limit() -> Option<u64> {
    let kib = |text: &str| text.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok();
    let machine = line_of("/proc/meminfo", kib).and_then(|kib| kib.checked_mul(1024));
    let soft = |text: &str| text.strip_prefix("Max address space")?.split_whitespace().next()?.parse().ok();
    let process = line_of("/proc/self/limits", soft);
    let group = line_of("/sys/fs/cgroup/memory.max", |text| text.trim().parse().ok());
    [machine, process, group].into_iter().flatten().min()
}

fn line_of(path: &str, number: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    fs::read_to_string(path).ok()?.lines().find_map(number)
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
}

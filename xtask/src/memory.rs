//! What memory this process took.

/// The most that was resident, in bytes; none where the system does not say it as Linux does.
pub fn peak_bytes() -> Option<u64> {
    of_status(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// Reads the line `VmHWM:     1234 kB`.
fn of_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_is_read_from_what_linux_says() {
        assert_eq!(
            of_status("VmPeak:\t 9 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 7 kB\n"),
            Some(1_263_616)
        );
        for wrong in ["", "VmHWM: 12", "VmHWM: x kB", "VmHWM: 18446744073709551615 kB"] {
            assert_eq!(of_status(wrong), None, "{wrong}");
        }
    }
}

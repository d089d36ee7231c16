//! The one place that asks the system for the time.

use std::time::{SystemTime, UNIX_EPOCH};

use tuffet_wire::UnixSeconds;

/// The time of this machine. Everything else takes it as a value, read once per command.
pub fn now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixSeconds::new(since.map_or(0, |since| since.as_secs()))
}

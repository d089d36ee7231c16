//! The one place that asks the system for the time, and how people write times.

use std::time::{SystemTime, UNIX_EPOCH};

use tuffet_wire::UnixSeconds;

/// The time of this machine. Everything else takes it as a value, read once per command.
pub fn now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixSeconds::new(since.map_or(0, |since| since.as_secs()))
}

/// Reads a date, or a time in UTC: `2031-01-31` or `2031-01-31T12:00:00Z`. A date alone is its first second.
pub fn parse(text: &str) -> Option<UnixSeconds> {
    UnixSeconds::parse(text).or_else(|| UnixSeconds::parse(&format!("{text}T00:00:00Z")))
}

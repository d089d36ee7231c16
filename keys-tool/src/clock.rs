//! The only place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_wire::UnixSeconds;

/// Now, by this machine's clock. A clock before 1970 reads as 1970.
pub fn now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds::new(since.as_secs())
}

//! The one place where this client reads the clock.

use std::time::SystemTime;
use tuffet_no_std_client::wire::UnixSeconds;

/// The time of the local clock. A clock before 1970 reads as 1970: the time floor of the trusted state holds it up.
#[must_use]
pub fn now() -> UnixSeconds {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixSeconds::new(since_1970.map_or(0, |duration| duration.as_secs()))
}

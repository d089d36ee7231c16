use std::time::Duration;

/// What one stranger, and all of them together, may hold of this server.
///
/// There is no limit per client address: behind a proxy all clients have the same one. A proxy is the place for it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at the same time. One more is told to come back later (503 with `Retry-After`). Each costs a file
    /// descriptor, up to two while it sends a target.
    pub connections_max: usize,
    /// Bytes of a request line with its headers; more is 431. Our clients send less than 500.
    pub head_bytes_max: usize,
    /// From the connection, or the end of the previous answer, to a complete request head. It is the idle timeout too.
    pub head_timeout: Duration,
    /// A receiver that takes nothing for so long is cut off. It resumes by range.
    pub stall_timeout: Duration,
    /// After the signal to stop: how long answers that are being sent may still take.
    pub drain_timeout: Duration,
    /// For how many seconds a cache may answer with its copy of `timestamp.json`. It delays every release by as much.
    pub timestamp_max_age_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 400,
            head_bytes_max: 8 * 1024,
            head_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(120),
            drain_timeout: Duration::from_secs(10),
            timestamp_max_age_s: 10,
        }
    }
}

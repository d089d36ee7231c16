//! One job, done by several TUF clients: begin with nothing but the first root, refresh, and download one verified target.
//!
//! - `peer-tuffet-strict`, `peer-tough` and `peer-sigstore-tuf` take the same arguments, keep their metadata below the same
//!   folder, and leave the target there. `integration/python/fresh_client.py` does the same with python-tuf.
//! - `write-repository` writes what they read, `measure` says what a process took.
//! - `tuffet-growth` and `tuffet-passes` are about our own verifier: what it takes of large files, and where the time goes.
//!
//! `cargo xtask bench verify` runs them all.

pub mod arguments;
pub mod cycle;
pub mod http;
pub mod pieces;

/// Why a program ends with 1: every refusal of a client, and every mistake of a caller.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Processor time of this process so far.
#[must_use]
pub fn cpu() -> std::time::Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    std::time::Duration::try_from(time).unwrap_or_default()
}

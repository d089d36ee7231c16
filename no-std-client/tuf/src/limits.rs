//! Every bound on what a repository can make a device read, in one place.

use crate::whose::Whose;

/// How much a session reads before it refuses. What is stored in memory is bounded by constants beside these.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest root file in bytes. Exceeded: [`Rejected::TooLong`](crate::Rejected::TooLong).
    pub root_bytes_max: u32,
    /// Longest timestamp file in bytes.
    pub timestamp_bytes_max: u32,
    /// Longest snapshot file in bytes; small parts keep it whole.
    pub snapshot_bytes_max: u32,
    /// Longest top-level targets file in bytes.
    pub targets_bytes_max: u32,
    /// Longest file of a delegated role in bytes.
    pub delegated_bytes_max: u32,
    /// Root files accepted in one run. Each is stored; a longer chain goes on in the next run.
    pub root_files_per_run_max: u32,
    /// Delegated roles visited for one name, at most [`DELEGATIONS_MAX`]. After that the name counts as not found.
    pub delegations_visited_max: u32,
}

impl Limits {
    /// What the smallest device has room for.
    pub const DEFAULT: Self = Self {
        root_bytes_max: 8 * 1024,
        timestamp_bytes_max: 1024,
        snapshot_bytes_max: 4 * 1024,
        targets_bytes_max: 8 * 1024,
        delegated_bytes_max: 8 * 1024,
        root_files_per_run_max: 32,
        delegations_visited_max: 8,
    };

    /// For other people's repositories, on a machine with an operating system: what the reference client reads.
    pub const LARGE: Self = Self {
        root_bytes_max: 512_000,
        timestamp_bytes_max: 16_384,
        snapshot_bytes_max: 2_000_000,
        targets_bytes_max: 5_000_000,
        delegated_bytes_max: 5_000_000,
        root_files_per_run_max: 256,
        delegations_visited_max: 32,
    };
}

impl Limits {
    /// Longest file of a role in bytes.
    pub(crate) fn bytes_max(&self, role: Whose) -> u32 {
        match role {
            Whose::Delegated => self.delegated_bytes_max,
            Whose::Root => self.root_bytes_max,
            Whose::Snapshot => self.snapshot_bytes_max,
            Whose::Targets => self.targets_bytes_max,
            Whose::Timestamp => self.timestamp_bytes_max,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Usable keys in one root file.
pub const ROOT_KEYS_MAX: usize = 12;
/// Keys that one delegation may name.
pub const ROLE_KEYS_MAX: usize = 8;
/// Signatures in one file.
pub const SIGNATURES_MAX: usize = 16;
/// Delegations that one search can have in hand.
pub const DELEGATIONS_MAX: usize = 16;
/// Delegating roles below `targets` that still have unvisited delegations, in one search.
pub const DELEGATORS_MAX: usize = 3;
/// Delegated roles of which the trusted state remembers the newest file: a product's pointers and its rollout. The state of a
/// small device has to fit one page of flash, 1 KiB.
pub const DELEGATED_KEPT_MAX: usize = 2;
/// Roles of the old snapshot that are compared with the new one in one reading of both.
pub(crate) const COMPARED_AT_ONCE: usize = 24;
/// Delegated role names that are compared with all later ones in one reading of the file.
pub(crate) const NAMES_AT_ONCE: usize = 32;

// Each key has a bit.
const _: () = assert!(ROOT_KEYS_MAX <= 16 && ROLE_KEYS_MAX <= 16);

//! TUF metadata: the verifier and, with the feature `emit`, its writer.
#![no_std]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]
// A session is one state at a time, so the largest one counts, and there is no heap to box it on.
#![allow(clippy::large_enum_variant)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(feature = "emit")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod codes;
mod error;
mod keys;
mod ladder;
pub mod limits;
mod names;
mod patterns;
mod read;
mod session;
mod signatures;
mod state;
mod target;

#[cfg(feature = "emit")]
pub mod emit;
#[cfg(feature = "emit")]
pub mod model;

pub use error::{Error, Flaw, Limit, Misuse, Rejected};
pub use ladder::first_root;
pub use limits::Limits;
pub use names::{
    DelegatedName, FileName, ROLE_NAME_BYTES_MAX, RoleName, RoleVersion, TARGET_NAME_BYTES_MAX, TargetName,
};
pub use session::{Answer, Fetch, Request, Session, Step, Store};
pub use signatures::Verified;
pub use state::{BadState, DelegatedFacts, FileFacts, Pinned, SignersId, TimestampFacts, TrustedState};
pub use target::{Custom, Resolution, VerifiedTarget};

/// The edition of the TUF specification that the step numbers in these docs refer to.
pub const SPECIFICATION: &str = "1.0.34";

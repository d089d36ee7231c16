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

#[cfg(feature = "emit")]
pub mod emit;
#[cfg(feature = "emit")]
pub mod model;

/// The edition of the TUF specification that the step numbers in these docs refer to.
pub const SPECIFICATION: &str = "1.0.34";

//! What Tuffet's signed files are written in: strict canonical JSON, hexadecimal bytes and UTC times.
//!
//! - It is a leaf: two cores read strict JSON and must not know each other, so the reading lives below both.
//! - Reading takes no memory but its own struct, does no I/O and never recurses on input.
//! - Writing (feature `emit`) is the inverse of reading: what it writes, the strict reader accepts.
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

pub mod hex;
mod time;

#[cfg(feature = "emit")]
pub mod emit;

pub use time::UnixSeconds;

/// A SHA-256 digest.
pub type Digest = [u8; 32];

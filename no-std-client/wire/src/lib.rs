//! What Tuffet's signed files are written in: strict canonical JSON, hexadecimal bytes and UTC times; their digests; and the
//! records that a device keeps of them.
//!
//! - It is a leaf: two cores read strict JSON and must not know each other, so the reading lives below both.
//! - Reading takes no memory but its own struct, does no I/O and never recurses on input.
//! - The lenient reading (feature `lenient`) reports other spellings of a document as the strict one of its canonical form.
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

#[cfg(any(feature = "emit", feature = "lenient"))]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod document;
pub mod hash;
pub mod hex;
pub mod record;
mod scan;
mod scanner;
pub mod spell;
mod time;
mod utf8;
mod words;

#[cfg(feature = "emit")]
pub mod emit;
#[cfg(feature = "lenient")]
pub mod lenient;

pub use document::Document;
pub use scan::{
    Container, DEPTH_MAX, Fault, INTEGER_MAX, PATH_BYTES_MAX, Path, Scalar, ScanError, Segment, Sink, TEXT_BYTES_MAX,
    Text,
};
pub use scanner::{Scanner, scan};
pub use time::UnixSeconds;
pub use words::{Words, packed_bytes};

/// A SHA-256 digest.
pub type Digest = [u8; 32];

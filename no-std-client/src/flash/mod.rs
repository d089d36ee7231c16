//! Everything that a small device keeps, on one NOR flash.
//!
//! - [`Map`] says what lies where, and is checked when the firmware is built.
//! - [`StatePages`] holds the trusted state: checksummed records in alternating pages.
//! - The root and the snapshot are kept whole, each in one of two areas; which one counts is said by the digest in the
//!   trusted state, so switching over is the writing of that state and nothing else.
//! - The area that does not count is where files pass through that are not kept: of those the state has version, length,
//!   digest, expiry and signing time.
//! - [`Checkpoints`] holds what a decoder saved, in alternating areas too.
//! - The boot record is the log of [`tuffet_boot`].
//! - A [`Strategy`] says where an image runs: where it lies ([`Xip`]), or at one place to which the bootloader brings it
//!   ([`Swap`]).
//! - Erased cells read as ones; that is what `NorFlash` promises. A driver of a part whose erased cells read as zeros inverts
//!   every byte, both ways.
//! - The flash is driven by the traits of `embedded-storage`. The feature `async-flash` adds a wrapper, `Polled`, for drivers
//!   of `embedded-storage-async`.

mod checkpoints;
mod file;
mod fill;
mod joined;
mod map;
#[cfg(feature = "async-flash")]
mod polled;
mod region;
mod state_pages;
mod storage;
mod strategy;
mod swap;

pub use checkpoints::Checkpoints;
pub use file::FlashFile;
pub(crate) use fill::Fill;
pub use joined::{Joined, JoinedError};
pub use map::{Map, MapError, Part, Span, Units};
#[cfg(feature = "async-flash")]
pub use polled::Polled;
pub use region::{Region, RegionError};
pub use state_pages::{StateError, StatePages};
pub use storage::Storage;
pub use strategy::{Strategy, Xip};
pub use swap::Swap;

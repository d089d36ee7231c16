//! Which image a device runs, and how it knows: two slots and the boot record.
//!
//! - A device has two slots. One holds the *confirmed* image; the other holds nothing, the image confirmed before, or an
//!   image on *trial*.
//! - Every fact is one record, appended to a log and checksummed ([`record`] draws it). A cut leaves the state before the
//!   record or the state after it, never a third one.
//! - A boot of an image on trial is counted before the image runs. No attempts left, or an explicit [`BootRecords::fail`],
//!   remembers the digest as failed and reverts to the confirmed image.
//! - The counter is the lowest security version that may run. It rises only with a `Confirmed` record, and it never falls.
//! - Before the first erase of a slot a record says that it holds nothing. That is refused for the confirmed slot, and
//!   while a trial is open.
//! - Nothing here hashes an image. [`BootRecords::boot`] says which digest must stand where; the caller hashes the slot and
//!   reports a difference with [`BootRecords::mismatched`].
//! - A record that is torn, broken or of an unknown kind is not believed, and [`BadRecord`] says why.
//!
//! # Example
//!
//! ```
//! use tuffet_boot::{Boot, BootRecords, Image, Placed, Slot, Why};
//! # mod flash { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/flash.rs")); }
//! # use flash::RamFlash;
//! # type Flash = RamFlash<4>;
//! # fn hash(_: Placed) -> [u8; 32] { [1; 32] }
//! let image = Image { digest: [1; 32], length: 90_000, security_version: 3 };
//! let mut records = BootRecords::open(Flash::new(1024)).unwrap();
//! records.provision(Placed { slot: Slot::A, image }).unwrap();
//!
//! // What a bootloader does at every reset.
//! let mut answer = records.boot().unwrap();
//! let run = loop {
//!     match answer {
//!         Boot::Run(run) if hash(run.placed) == run.placed.image.digest => break run,
//!         Boot::Run(run) => answer = records.mismatched(run.placed.slot).unwrap(),
//!         Boot::Recovery(why) => panic!("nothing may run: {why:?}"),
//!     }
//! };
//! assert_eq!((run.placed.slot, run.why), (Slot::A, Why::Confirmed));
//! ```
//!
//! # Known window
//!
//! A broken record is noticed, not repaired. If flash loses the newest `Confirmed` record long after it was written, the
//! device falls back to what the records before it say, or to recovery; the counter, which every record repeats, still
//! holds, so it never runs an older image than allowed.
#![no_std]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]

mod book;
mod boot_records;
mod crc;
mod error;
mod image;
mod log;
pub mod record;

pub use book::{FAILED_MAX, Failed, Other, State, Trial};
pub use boot_records::{Boot, BootRecords, Recovery, Run, SECURITY_VERSION_JUMP_MAX, Why};
pub use crc::crc32;
pub use error::{Error, Geometry, Refusal};
pub use image::{Digest, Image, Placed, Slot, VerifiedImage};
pub use log::{Ignored, PAGE_BYTES_MIN};
pub use record::{BadRecord, RECORD_BYTES};

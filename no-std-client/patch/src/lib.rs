//! The delta and compression format of Tuffet: patches, a decoder for devices, and an encoder for vendors.
//!
//! - A *patch* turns the image in one slot into the next one in the other, or makes an image from nothing: a full image for a
//!   small device is a patch too, so that it has one decoder. [`Header`] draws the container.
//! - The file travels as blocks chained by hashes ([`Chain`]). Head, block size and length come from a signed document
//!   ([`Pinned`]); a byte is decoded only as [`Authenticated`], and there is one way to get that.
//! - The decoder does no I/O of its own but flash: [`State::run`] goes on until it needs a block, or erased flash, and says so.
//!   The caller fetches and erases, blocking or not, and calls again. It allocates nothing; the caller places the state.
//! - Addresses that moved cost next to nothing: decoder and encoder find calls and pointers in what is copied, know where the pieces
//!   of the old image went, and expect what the linker made of it ([`Architecture`]). A wrong guess costs bits and nothing else.
//! - No window in RAM: what is copied is read from the old slot, and from the new one as far as it is written.
//! - **Done is not a proof.** The decoder does not hash its output, since only the slot as it reads back counts. The caller hashes
//!   that and compares it with the signed digest. It also hashed the running slot before it began, and says what it found.
//! - A hostile patch with a valid chain (a stolen release key) can make a wrong image, and nothing else: no read outside the old
//!   image, no write outside the slot, no loop without progress, no panic.
//! - A decoder at a checkpoint can be saved and taken up after a reset ([`State::snapshot`], [`State::resume`]).
//! - Integers only: every target computes the same bits.
//!
//! The feature `encode` (std, allocates) adds `encode`, `apply` and `info` for the vendor; encoder and decoder call one and
//! the same model.
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "encode")] {
//! use tuffet_patch::{Profile, Progress, SmallState, encode};
//! # mod flash { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/flash.rs")); }
//! # use flash::Slot;
//!
//! // The vendor makes a patch, and pins it in a signed document.
//! let old: Vec<u8> = (0..20_000_u32).map(|byte| (byte % 251) as u8).collect();
//! let new = [&old[..9_000], b"a new feature", &old[9_000..]].concat();
//! let patch = encode(Some(&old), &new, Profile::Small).unwrap();
//! assert!(patch.bytes.len() < 300);
//!
//! // The device hashed its running slot (`source`), and reads the file block by block.
//! let (mut running, mut spare) = (Slot::holding(&old), Slot::filled(24 * 1024, 0x55));
//! let (source, result) = (patch.header.source, patch.header.result);
//! let mut state = SmallState::new();
//! state.begin(patch.pinned, source, result).unwrap();
//! while let Some(range) = state.next_block() {
//!     let start = range.offset as usize;
//!     let block = state.authenticate(&patch.bytes[start..start + range.length as usize]).unwrap();
//!     loop {
//!         match state.run(&block, &mut running, &mut spare).unwrap() {
//!             Progress::NeedsErase { from, to } => spare.erase_units(from, to),
//!             Progress::Checkpoint { .. } => {} // A good moment for `state.snapshot(..)`.
//!             Progress::NeedsBlock | Progress::Done => break,
//!         }
//!     }
//! }
//! // Now the caller hashes the slot. Here it is enough to look.
//! assert_eq!(spare.bytes[..new.len()], new);
//! # }
//! ```
#![no_std]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]

#[cfg(feature = "encode")]
extern crate std;

mod buffers;
mod bulk;
mod cached;
mod chain;
mod checkpoint;
mod counter;
mod decoder;
mod decoders;
#[cfg(feature = "encode")]
mod encode;
mod error;
mod header;
mod intake;
mod logistic;
mod matcher;
mod mixer;
mod model;
mod predict;
mod profile;
mod range_decoder;
mod slots;
mod words;

pub use bulk::{BULK_BYTES, BULK_BYTES_ABOVE, BULK_IMAGE_BYTES, BulkState, bulk_bytes};
pub use cached::{Cached, Page};
pub use chain::{Authenticated, BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, BlockRange, Chain, Digest, Pinned};
pub use checkpoint::{BadCheckpoint, PIECE_BYTES, SnapshotError};
pub use decoder::{LargeState, Progress, SmallState, SmallThumbState, StandardState, State};
pub use decoders::{Decoder, Drive};
#[cfg(feature = "encode")]
pub use encode::{
    Applied, ApplyError, Effort, EncodeError, Encoded, FilesError, IMAGE_BYTES_MAX, Info, MIXING_BYTES_MAX, Options,
    Packed, Step, apply, apply_files, encode, encode_watched, encode_with, hostile, info, layout, packed,
    unauthenticated,
};
pub use error::{Error, Geometry, Misuse, Refusal};
pub use header::{CHECKPOINTS_MAX, Checkpoints, Codec, HEADER_BYTES_MAX, HEADER_BYTES_MIN, Header, Image};
pub use predict::{Architecture, Bases, Layout, RANGES_MAX, Range, Ranges};
pub use profile::Profile;

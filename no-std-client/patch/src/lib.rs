//! The delta and compression format of Tuffet. **Nothing is here yet**: images travel as whole compressed files, and no code
//! pretends otherwise. This page says what the crate will hold, so that the rooms around it leave space.
//!
//! - A *patch* turns the image in one slot into the next one in the other. It names the digest of the image it starts from, and
//!   that digest is computed from the running slot before the first erase, never taken from a version string.
//! - Patches and images travel as blocks chained by hashes. Chain head, block size and total length stand in the release
//!   document, never in the patch; a block is authenticated before a byte of it is decoded.
//! - No window in RAM: back-references and the old image are read from flash. The state of the decoder is at most 8 KiB in the
//!   small profile, 32 KiB in the standard one, and 16 MiB in the large one (40 MiB above images of 64 MiB).
//! - A checkpoint (position, hash of the next block, decoder state) makes a patch resumable over resets. It is range-checked as if
//!   hostile and used only if it names this patch and this source; without one, decoding starts over with the same result.
//! - The decoder is `no_std` without `alloc`. The encoder will stand behind the feature `encode` and share one model with it.
//!
//! What the release document says about patches will be additions to its images; today its parser refuses them as unknown.
#![no_std]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]

//! Patches, for the tools that make and look at them.
//!
//! The release document does not list patches yet; until it does, these functions serve those who measure.

pub use tuffet_patch::{
    ApplyError, Chain, EncodeError, Encoded, IMAGE_BYTES_MAX, Info, Pinned, Profile, Refusal, apply, encode, info,
    unauthenticated,
};
pub use tuffet_wire::{Digest, hex};

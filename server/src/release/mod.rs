//! Releases: built from images, with patches from older ones, proposed, promoted from channel to channel, listed.

pub(crate) mod bases;
mod build;
pub(crate) mod image;
mod list;
mod patches;
mod promote;

pub use build::{ImageFile, ReleasePlan, SECURITY_VERSION_JUMP_MAX, build};
pub use image::packed_bytes;
pub use list::{Listed, list};
pub use patches::{Fate, PatchReport};
pub use promote::{Promotion, propose_promotion};
